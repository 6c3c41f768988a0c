//! Obtains one certificate: an order, the proof that its name leads here, a key of its own, and what the authority signs.

use super::failure::Failure;
use super::stage::Stage;
use instant_acme::{Account, AuthorizationStatus, Identifier, NewOrder, Order, OrderStatus, RetryPolicy};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use std::fmt::Display;
use std::time::Duration;

/// How long the authority may take to ask, and then to sign.
const STEP_MAX: Duration = Duration::from_secs(120);

/// A certificate for `name`, with its chain and its key, as PEM.
pub async fn obtain(account: &Account, name: &str, stage: &Stage) -> Result<String, Failure> {
    let names = [Identifier::Dns(name.to_owned())];
    let mut order = account.new_order(&NewOrder::new(&names)).await?;
    prove(&mut order, name, stage).await?;
    let patience = RetryPolicy::new().timeout(STEP_MAX);
    let ready = order.poll_ready(&patience).await;
    if !matches!(ready, Ok(OrderStatus::Ready)) {
        let told = ready
            .map_or_else(Failure::from, |_| Failure::of_name("the authority refused, and did not say why"));
        return Err(refusal(&mut order).await.unwrap_or(told));
    }
    let (key, request) = request(name).map_err(|error| Failure::general(format_args!("no key: {error}")))?;
    order.finalize_csr(&request).await?;
    let chain = order.poll_certificate(&patience).await?;
    Ok(key + &chain)
}

/// Shows that the name leads here.
async fn prove(order: &mut Order, name: &str, stage: &Stage) -> Result<(), Failure> {
    let mut all = order.authorizations();
    while let Some(authorization) = all.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            // It was seen lately.
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            _ => return Err(Failure::of_name("the authority does not want to ask for it")),
        }
        let Some(mut challenge) = authorization.challenge(stage.kind()) else {
            return Err(Failure::of_name("the authority does not ask in the way of `acme.challenge`"));
        };
        stage.show(name, &challenge.token, &challenge.key_authorization()).await?;
        challenge.set_ready().await?;
    }
    Ok(())
}

/// Why the authority did not see it.
async fn refusal(order: &mut Order) -> Option<Failure> {
    let mut all = order.authorizations();
    while let Some(Ok(mut authorization)) = all.next().await {
        let state = authorization.refresh().await.ok()?;
        if let Some(problem) = state.challenges.iter().find_map(|it| it.error.as_ref()) {
            return Some(problem.into());
        }
    }
    None
}

/// A new key as PEM, and what asks for a certificate of it.
fn request(name: &str) -> Result<(String, Vec<u8>), impl Display> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key)?;
    Ok::<_, rcgen::Error>((key.serialize_pem(), request.der().to_vec()))
}
