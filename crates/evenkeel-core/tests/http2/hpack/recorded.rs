//! What programs of others wrote, and what it says to Python's `hpack`. It was written to a server of a page of Python, which
//! answers each request with a page of two pictures, puts HEADERS and CONTINUATION together without padding and priority, and
//! prints the block in hexadecimal, and its fields.

use super::{hex, pairs, read};
use evenkeel_core::http2::hpack::Decoder;

/// Blocks of one connection, each with its fields as lines.
type Recorded = &'static [(&'static str, &'static str)];

/// Chromium 156: a page, and its pictures.
const CHROMIUM: Recorded = &[
    (
        "82418ba0e41d139d09b8179e08bf878440874148b1275ad1ffa2fe749d37215aed83aa4fe7efbc1fcbdfcfd29fcde9ec3d26b69fe7efbc1f\
         c85b73f9408b4148b1275ad1ad49e33505023f30408d4148b1275ad1ad5d034ca7b29f07224c696e7578224092b6b9ac1c8558d520a4b6c2\
         ad617b5a54251f01317ad3d07f66a281b0dae053fafc087ed4ce6aadf2a7979c89c6bfb521aeba0bc8b1e632586d975765c53facd8f7e8cf\
         f4a506ea5531149d4ffda98ca39282a117a7b0f49580b6e2e05c0b814dc394761986d975765c53ec497ca589d34d1f43aeba0c41a4c7a98f\
         33a69a3fdf9a68fa1d75d0620d263d4c79a68fbed00177fe8d48e62b1d3cd1f46a4731581f734bf46a473158f058ebfa352398ac0ebaa6fa\
         f963e7efb4005defa1d75d0620d263d4c20d35459162f924e3aa62fdf782367efb4005dd408a4148b4a549275906497f83a8f517408a4148\
         b4a549275a93c85f86a87dcd30d25f408a4148b4a549275ad416cf023f31408a4148b4a549275a42a13f8690e4b692d49f50929bd9abfa52\
         42cb40d25fa523b3e94f684c9f518b2d4b70ddf45abefb4005df4086aec31ec327d785b6007d286f",
        ":method: GET\n\
         :authority: localhost:18812\n\
         :scheme: https\n\
         :path: /\n\
         sec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\n\
         sec-ch-ua-mobile: ?0\n\
         sec-ch-ua-platform: \"Linux\"\n\
         upgrade-insecure-requests: 1\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36\n\
         accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\n\
         sec-fetch-site: none\n\
         sec-fetch-mode: navigate\n\
         sec-fetch-user: ?1\n\
         sec-fetch-dest: document\n\
         accept-encoding: gzip, deflate, br, zstd\n\
         accept-language: en-US,en;q=0.9\n\
         priority: u=0, i\n",
    ),
    (
        "82cb870485606bd754dfc8c6cac953b9352398ac74f347d1a91cc5607dcd2fd1a91cc563c163afe8d48e62b03aea9be8d48e62b08ef37fbf\
         34d1f46a473158f9faf963e7efb4005def7f068840e92ac7b0d31aaf7f0685a8eb10f6237f0584352398bf73919d29ad1718628390744e74\
         26e05e782263c5c47f0485b6017d286f",
        ":method: GET\n\
         :authority: localhost:18812\n\
         :scheme: https\n\
         :path: /a.png\n\
         sec-ch-ua-platform: \"Linux\"\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36\n\
         sec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\n\
         sec-ch-ua-mobile: ?0\n\
         accept: image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\n\
         sec-fetch-site: same-origin\n\
         sec-fetch-mode: no-cors\n\
         sec-fetch-dest: image\n\
         referer: https://localhost:18812/\n\
         accept-encoding: gzip, deflate, br, zstd\n\
         accept-language: en-US,en;q=0.9\n\
         priority: u=2, i\n",
    ),
    (
        "82d18704856235ebaa6fceccd0cfc3c2c1c0bfc6c5be",
        ":method: GET\n\
         :authority: localhost:18812\n\
         :scheme: https\n\
         :path: /b.png\n\
         sec-ch-ua-platform: \"Linux\"\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36\n\
         sec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"\n\
         sec-ch-ua-mobile: ?0\n\
         accept: image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\n\
         sec-fetch-site: same-origin\n\
         sec-fetch-mode: no-cors\n\
         sec-fetch-dest: image\n\
         referer: https://localhost:18812/\n\
         accept-encoding: gzip, deflate, br, zstd\n\
         accept-language: en-US,en;q=0.9\n\
         priority: u=2, i\n",
    ),
];

/// Go 1.19, `net/http`.
const GO: Recorded = &[
    (
        "418b089d5c0b8170dc0bcf045f83458360f5178760821c0160884ce5a4b0483b3aff4085f2b20decbf06c3a4c3b6c3bc5c013050839bd9ab\
         7a8dc475a74a6b589418b525812e0f",
        ":authority: 127.0.0.1:18812\n\
         :method: POST\n\
         :path: /one\n\
         :scheme: https\n\
         cookie: a=1\n\
         cookie: theme=dark\n\
         x-size: äöü\n\
         content-length: 0\n\
         accept-encoding: gzip\n\
         user-agent: Go-http-client/2.0\n",
    ),
    (
        "c5834587613e0ffe79803f87c4c3c2c1c0bf",
        ":authority: 127.0.0.1:18812\n\
         :method: POST\n\
         :path: /two?x=1\n\
         :scheme: https\n\
         cookie: a=1\n\
         cookie: theme=dark\n\
         x-size: äöü\n\
         content-length: 0\n\
         accept-encoding: gzip\n\
         user-agent: Go-http-client/2.0\n",
    ),
];

/// h2load 1.52, by nghttp2.
const NGHTTP2: Recorded = &[
    (
        "0485607fe4701386418b089d5c0b8170dc0bcf043f827a8f9c541c722954d3a5358980aed89707",
        ":path: /a?b=c\n\
         :scheme: http\n\
         :authority: 127.0.0.1:18811\n\
         :method: GET\n\
         user-agent: h2load nghttp2/1.52.0\n",
    ),
    (
        "0485607fe4701386bf82be",
        ":path: /a?b=c\n\
         :scheme: http\n\
         :authority: 127.0.0.1:18811\n\
         :method: GET\n\
         user-agent: h2load nghttp2/1.52.0\n",
    ),
];

/// `h2` 0.4, by a balancer in front.
const H2: Recorded = &[
    (
        "8286418b089d5c0b8170dc0bcf059f048360f5177a8825b650c3abbcf2e15383f963e70f118b1c01fb51339692c120eceb0f088fba34188a\
         49f9a68274afc73fcd3eff408bf2b4a7b3c0ec90b22d29ec87089d5c0b8170ff408df2b4a7b3c0ec90b22d5d8749ff839d29af408cf2b4a7\
         b3c0ec90b22d39d09f8b089d5c0b8170dc0bcf059f408cf2b4a7b3c0ec90b22d59ec4f840bcf059f4089f2b585ed6950958d2797746dcac9\
         657df7e3208b1c6f383190806da2b52b647e4f4082497f864d833505b11f",
        ":method: GET\n\
         :scheme: http\n\
         :authority: 127.0.0.1:18813\n\
         :path: /one\n\
         user-agent: curl/7.88.1\n\
         accept: */*\n\
         cookie: a=1; theme=dark\n\
         authorization: Basic dXNlcjpwYXNz\n\
         x-forwarded-for: 127.0.0.1\n\
         x-forwarded-proto: http\n\
         x-forwarded-host: 127.0.0.1:18813\n\
         x-forwarded-port: 18813\n\
         x-request-id: 7a5f3ef999bc2ebb86aacc054e4f5c9d\n\
         te: trailers\n",
    ),
    (
        "8286c604856133d852ffc5c40f118b1c01fb51339692c120eceb0f088fba34188a49f9a68274afc73fcd3effc3c2c1c07f009791e70ac903\
         289b680cbcfbce3832492cb2002fcafb8db3bf",
        ":method: GET\n\
         :scheme: http\n\
         :authority: 127.0.0.1:18813\n\
         :path: /three\n\
         user-agent: curl/7.88.1\n\
         accept: */*\n\
         cookie: a=1; theme=dark\n\
         authorization: Basic dXNlcjpwYXNz\n\
         x-forwarded-for: 127.0.0.1\n\
         x-forwarded-proto: http\n\
         x-forwarded-host: 127.0.0.1:18813\n\
         x-forwarded-port: 18813\n\
         x-request-id: d86e3c1f2540389866acdffd019f9653\n\
         te: trailers\n",
    ),
];

/// Every byte once, in order, behind the name x: Python's `hpack` 4.2.
const BYTES: &str = "4081f3ffc803ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfffffeb\
    fffffecfffffedfffffeefffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3fffffe7fffffe\
    bfffffed4fe3f9ffaffcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58f265cd9f469d5af66dddbf87\
    1e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac426defe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fff\
    d3ffff53fffd5ffffb3fffeb7fffdaffffb7ffff73fffeeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1f\
    fffe4fffee7fffb1ffff97fffd9ffffcdffff9fffffbffffdafffeeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1f\
    ffdfffff7fffff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93ffff87fffcbffff37ffff1fff\
    ff83ffffe1fffebfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8fffffb7fff97fff8fffffe6f\
    ffffc1fffff87ffffe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcdffff4fff\
    f9ffffd1ffffcffffeaffffafffffddffffeffffff4fffff5fffffabffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3ffff\
    fabfffff5fffffff7ffffecfffffdbfffffbbfffff7ffffff0fffffbbf";

#[test]
fn what_others_wrote_says_to_us_what_it_says_to_them() {
    for blocks in [CHROMIUM, GO, NGHTTP2, H2] {
        let mut decoder = Decoder::new();
        for (block, fields) in blocks {
            assert_eq!(read(&mut decoder, &hex(block)).unwrap(), *fields);
        }
    }
}

#[test]
fn every_byte_has_the_code_that_others_give_it() {
    let expected = (b"x".to_vec(), (0..=255).collect());
    assert_eq!(pairs(&mut Decoder::new(), &hex(BYTES)), Ok(vec![expected]));
}
