//! What TLS clients say first, made to measure.

/// A hello, part by part.
#[derive(Clone)]
pub struct Hello {
    /// The version that says nothing any more.
    pub version: u16,
    /// The session's ID.
    pub session_id: Vec<u8>,
    /// Cipher suites, two bytes each.
    pub cipher_suites: Vec<u8>,
    /// Compression methods.
    pub compression: Vec<u8>,
    /// None at all, not even how many, if there are none.
    pub extensions: Vec<(u16, Vec<u8>)>,
}

impl Default for Hello {
    fn default() -> Self {
        let (cipher_suites, compression) = (vec![0x13, 0x01], vec![0]);
        Self { version: 0x0303, session_id: vec![5; 32], cipher_suites, compression, extensions: Vec::new() }
    }
}

impl Hello {
    /// With one extension more.
    pub fn with(mut self, kind: u16, value: impl Into<Vec<u8>>) -> Self {
        self.extensions.push((kind, value.into()));
        self
    }

    /// That asks for this host.
    pub fn server_name(self, name: &str) -> Self {
        let entry = [&[0], &vec16(name.as_bytes())[..]].concat();
        self.with(0, vec16(&entry))
    }

    /// That would speak these protocols.
    pub fn alpn(self, names: &[&str]) -> Self {
        let names: Vec<u8> = names.iter().flat_map(|name| vec8(name.as_bytes())).collect();
        self.with(16, vec16(&names))
    }

    /// That offers these versions.
    pub fn versions(self, versions: &[u16]) -> Self {
        let versions: Vec<u8> = versions.iter().flat_map(|version| version.to_be_bytes()).collect();
        self.with(43, vec8(&versions))
    }

    /// The handshake message.
    pub fn message(&self) -> Vec<u8> {
        let extension = |(kind, value): &(u16, Vec<u8>)| [&kind.to_be_bytes(), &vec16(value)[..]].concat();
        let extensions: Vec<u8> = self.extensions.iter().flat_map(extension).collect();
        let body = [
            self.version.to_be_bytes().to_vec(),
            vec![7; 32],
            vec8(&self.session_id),
            vec16(&self.cipher_suites),
            vec8(&self.compression),
            if extensions.is_empty() { Vec::new() } else { vec16(&extensions) },
        ];
        message(1, &body.concat())
    }

    /// In one record.
    pub fn bytes(&self) -> Vec<u8> {
        record(22, &self.message())
    }

    /// In records of `size` bytes.
    pub fn in_records(&self, size: usize) -> Vec<u8> {
        self.message().chunks(size).flat_map(|piece| record(22, piece)).collect()
    }
}

/// As a browser says it: with types and versions that do not exist, an encrypted hello, and a key of 1216 bytes.
pub fn browser() -> Hello {
    let key = [&0x11ec_u16.to_be_bytes(), &vec16(&[9; 1216])[..]].concat();
    let grease_key = [&0x4a4a_u16.to_be_bytes(), &vec16(&[0])[..]].concat();
    Hello { cipher_suites: vec![0x2a, 0x2a, 0x13, 0x01, 0x13, 0x02], ..Hello::default() }
        .with(0xcaca, [])
        .with(0xfe0d, [3; 250])
        .with(51, vec16(&[grease_key, key].concat()))
        .versions(&[0x6a6a, 0x0304, 0x0303])
        .alpn(&["h2", "http/1.1"])
        .server_name("www.example.com")
        .with(0x1a1a, [0])
}

/// One record.
pub fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1], &vec16(payload)[..]].concat()
}

/// One message of a handshake.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

/// With its length in one byte before it.
pub fn vec8(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// With its length in two bytes before it.
pub fn vec16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}
