//! A connection of rustls, of either side. Bytes go in, bytes come out; where from and where to is another's business.
//!
//! What came and is not used up has to be shown again, with what comes behind it: rustls keeps its place in it. So it is
//! shown when something is to be sent, too.

use evenkeel_core::tls::{Agreed, Version};
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, CommonState, Error, HandshakeKind, ProtocolVersion, ServerConfig};
use std::fmt;
use std::sync::Arc;

/// One end of a TLS connection.
pub enum Machine {
    /// The one that was connected to.
    Server(Box<UnbufferedServerConnection>),
    /// The one that has connected.
    Client(Box<UnbufferedClientConnection>),
}

/// What became of bytes that came.
pub struct Absorbed {
    /// So many need not be shown again.
    pub used: usize,
    /// Whether the other side has said that nothing follows; or why it ends.
    pub ended: Result<bool, Error>,
}

impl Machine {
    /// Our end of a connection that a client has made.
    pub fn server(config: &Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self::Server(Box::new(UnbufferedServerConnection::new(Arc::clone(config))?)))
    }

    /// Our end of a connection to a server of this name.
    pub fn client(config: &Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Error> {
        Ok(Self::Client(Box::new(UnbufferedClientConnection::new(Arc::clone(config), name)?)))
    }

    /// Takes in what came: gives what it says to `plain`, and adds what is to be sent to `out`.
    pub fn absorb(&mut self, came: &mut [u8], plain: &mut impl FnMut(&[u8]), out: &mut Vec<u8>) -> Absorbed {
        match self {
            Self::Server(connection) => absorb(&mut **connection, came, plain, out),
            Self::Client(connection) => absorb(&mut **connection, came, plain, out),
        }
    }

    /// Writes what says `plain` to the beginning of `out`, which has to be a little longer, and says how long that is.
    pub fn seal(&mut self, unused: &mut [u8], plain: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        match self {
            Self::Server(connection) => seal(&mut **connection, unused, Say::Bytes(plain), out),
            Self::Client(connection) => seal(&mut **connection, unused, Say::Bytes(plain), out),
        }
    }

    /// The same with what says that nothing follows.
    pub fn seal_end(&mut self, unused: &mut [u8], out: &mut [u8]) -> Result<usize, Error> {
        match self {
            Self::Server(connection) => seal(&mut **connection, unused, Say::End, out),
            Self::Client(connection) => seal(&mut **connection, unused, Say::End, out),
        }
    }

    /// Whether there is still to be agreed upon something.
    pub fn is_handshaking(&self) -> bool {
        self.common().is_handshaking()
    }

    /// What was agreed upon.
    pub fn agreed(&self) -> Agreed {
        let common = self.common();
        Agreed {
            version: match common.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => Version::Tls13,
                _ => Version::Tls12,
            },
            alpn: common.alpn_protocol().map(|name| String::from_utf8_lossy(name).into()),
            resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
            client_certificate: common.peer_certificates().is_some(),
        }
    }

    fn common(&self) -> &CommonState {
        match self {
            Self::Server(connection) => connection,
            Self::Client(connection) => connection,
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server(_) => "Server",
            Self::Client(_) => "Client",
        })
    }
}

/// Both ends of rustls go on in the same way.
trait Speaks {
    type Data;

    fn process<'c, 'i>(&'c mut self, came: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
    fn has_words(&self) -> bool;
}

impl Speaks for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, came: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(came)
    }

    fn has_words(&self) -> bool {
        self.wants_write()
    }
}

impl Speaks for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, came: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(came)
    }

    fn has_words(&self) -> bool {
        self.wants_write()
    }
}

fn absorb<S: Speaks>(
    connection: &mut S,
    came: &mut [u8],
    plain: &mut impl FnMut(&[u8]),
    out: &mut Vec<u8>,
) -> Absorbed {
    let (mut used, mut ended) = (0, false);
    loop {
        let UnbufferedStatus { mut discard, state, .. } = connection.process(&mut came[used..]);
        let mut goes_on = true;
        match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    match record {
                        Ok(record) => {
                            plain(record.payload);
                            discard += record.discard;
                        }
                        Err(error) => return Absorbed { used, ended: Err(error) },
                    }
                }
            }
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Ok(ConnectionState::PeerClosed) => ended = true,
            Ok(_) => goes_on = false,
            Err(error) => {
                last_words(connection, &mut came[used + discard..], out);
                return Absorbed { used, ended: Err(error) };
            }
        }
        used += discard;
        if !goes_on {
            return Absorbed { used, ended: Ok(ended) };
        }
    }
}

/// What it has to say about an error is sent all the same: an alert. As long as there is such, it looks at nothing else;
/// asked once more, it would find the same error again.
fn last_words<S: Speaks>(connection: &mut S, came: &mut [u8], out: &mut Vec<u8>) {
    while connection.has_words() {
        match connection.process(came).state {
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
            _ => return,
        }
    }
}

fn encode<Data>(mut data: EncodeTlsData<'_, Data>, out: &mut Vec<u8>) {
    if let Err(EncodeError::InsufficientSize(size)) = data.encode(&mut []) {
        let had = out.len();
        out.resize(had + size.required_size, 0);
        // It has just said that this is enough.
        let _ = data.encode(&mut out[had..]);
    }
}

/// What is to be said.
enum Say<'a> {
    Bytes(&'a [u8]),
    End,
}

fn seal<S: Speaks>(
    connection: &mut S,
    unused: &mut [u8],
    say: Say<'_>,
    out: &mut [u8],
) -> Result<usize, Error> {
    let mut written = 0;
    loop {
        match connection.process(unused).state? {
            ConnectionState::WriteTraffic(mut traffic) => {
                let out = &mut out[written..];
                let sealed = match say {
                    Say::Bytes(plain) => traffic.encrypt(plain, out),
                    Say::End => traffic.queue_close_notify(out),
                };
                return sealed.map(|length| written + length).map_err(|error| unsealed(&error));
            }
            ConnectionState::EncodeTlsData(mut data) => {
                written +=
                    data.encode(&mut out[written..]).map_err(|error| Error::General(error.to_string()))?;
            }
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::PeerClosed => {}
            state => return Err(Error::General(format!("cannot send in {state:?}"))),
        }
    }
}

fn unsealed(error: &EncryptError) -> Error {
    match error {
        EncryptError::EncryptExhausted => Error::EncryptError,
        error => Error::General(error.to_string()),
    }
}
