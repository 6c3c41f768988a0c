//! The examples of RFC 7541, appendix C; those of numbers, C.1, are beside what reads them.

use super::{hex, lines, number, read, table};
use evenkeel_core::http2::hpack::Decoder;

/// C.3.
const REQUESTS: [&str; 3] = [
    "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "8286 84be 5808 6e6f 2d63 6163 6865",
    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
];

/// C.4: the same, packed.
const REQUESTS_PACKED: [&str; 3] = [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
];

/// C.5, for a table of 256 bytes.
const ANSWERS: [&str; 3] = [
    "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 \
     3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "4803 3330 37c1 c0bf",
    "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 \
     7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 \
     6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
];

/// C.6: the same, packed.
const ANSWERS_PACKED: [&str; 3] = [
    "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad \
     1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
    "4883 640e ffc1 c0bf",
    "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 \
     e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
];

#[test]
fn fields_of_each_kind_are_read() {
    for (block, field, entries) in [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            "custom-key: custom-header\n",
            1,
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path\n", 0),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret\n", 0),
        ("82", ":method: GET\n", 0),
    ] {
        let mut decoder = Decoder::new();
        assert_eq!(read(&mut decoder, &hex(block)).unwrap(), field);
        assert_eq!(table(&decoder).len(), entries);
    }
}

/// Reads blocks one after the other: the fields of each, and the table behind it.
fn said(size: usize, blocks: &[&str; 3]) -> [(String, String); 3] {
    let mut decoder = Decoder::new();
    read(&mut decoder, &number(0x20, 5, size)).unwrap();
    blocks.map(|block| (read(&mut decoder, &hex(block)).unwrap(), lines(table(&decoder))))
}

#[test]
fn requests_are_read_packed_or_not() {
    let authority = ":authority: www.example.com\n";
    let cache = "cache-control: no-cache\n";
    let custom = "custom-key: custom-value\n";
    let first = format!(":method: GET\n:scheme: http\n:path: /\n{authority}");
    let third = format!(":method: GET\n:scheme: https\n:path: /index.html\n{authority}{custom}");
    let expected = [
        (first.clone(), authority.to_owned()),
        (first + cache, [cache, authority].concat()),
        (third, [custom, cache, authority].concat()),
    ];
    assert_eq!(said(4096, &REQUESTS), expected);
    assert_eq!(said(4096, &REQUESTS_PACKED), expected);
}

#[test]
fn answers_are_read_packed_or_not_while_older_entries_go() {
    let status = |status: u16| format!(":status: {status}\n");
    let date = |second: u8| format!("date: Mon, 21 Oct 2013 20:13:{second} GMT\n");
    let location = "location: https://www.example.com\n";
    let cache = "cache-control: private\n";
    let coding = "content-encoding: gzip\n";
    let cookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n";
    let answer = |code, second| status(code) + cache + &date(second) + location;
    let expected = [
        (answer(302, 21), location.to_owned() + &date(21) + cache + &status(302)),
        (answer(307, 21), status(307) + location + &date(21) + cache),
        (answer(200, 22) + coding + cookie, [cookie, coding, &date(22)].concat()),
    ];
    assert_eq!(said(256, &ANSWERS), expected);
    assert_eq!(said(256, &ANSWERS_PACKED), expected);
}
