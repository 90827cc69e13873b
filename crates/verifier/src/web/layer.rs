//! Layers: one that lends the verifier to the handlers inside, one that lets in only who meets a policy.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Authenticated, Policy, Verifier, WhenStale};

impl Verifier {
    /// A layer that lends this verifier to the extractors inside it. It refuses nobody by itself.
    pub fn provide(&self) -> Provide {
        Provide(self.clone())
    }

    /// A layer that lets in only who meets a policy, and answers everybody else. [`Policy::new`] lets in whoever is
    /// authenticated. The handlers inside may ask for [`Authenticated`].
    pub fn require(&self, policy: Policy) -> Require {
        Require { verifier: self.clone(), policy: Arc::new(policy) }
    }
}

/// See [`Verifier::provide`].
#[derive(Clone)]
pub struct Provide(Verifier);

/// A service inside [`Provide`].
#[derive(Clone)]
pub struct Provided<S> {
    verifier: Verifier,
    inner: S,
}

/// See [`Verifier::require`].
#[derive(Clone)]
pub struct Require {
    verifier: Verifier,
    policy: Arc<Policy>,
}

/// A service inside [`Require`].
#[derive(Clone)]
pub struct Required<S> {
    verifier: Verifier,
    policy: Arc<Policy>,
    inner: S,
}

/// By which rule a layer has let somebody in.
#[derive(Clone, PartialEq)]
struct AdmittedWhen(WhenStale);

impl<S> Layer<S> for Provide {
    type Service = Provided<S>;

    fn layer(&self, inner: S) -> Provided<S> {
        Provided { verifier: self.0.clone(), inner }
    }
}

impl<S> Layer<S> for Require {
    type Service = Required<S>;

    fn layer(&self, inner: S) -> Required<S> {
        Required { verifier: self.verifier.clone(), policy: Arc::clone(&self.policy), inner }
    }
}

impl<S, B> Service<Request<B>> for Provided<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        // Whom an outer layer has let in may be another issuer's user.
        request.extensions_mut().remove::<Authenticated>();
        request.extensions_mut().insert(self.verifier.clone());
        self.inner.call(request)
    }
}

impl<S, B, R> Service<Request<B>> for Required<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was ready is used up; its successor is made ready before the next call.
        let successor = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, successor);
        let (verifier, policy) = (self.verifier.clone(), Arc::clone(&self.policy));
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let is_same = parts.extensions.get::<Verifier>().is_some_and(|outer| outer.is(&verifier));
            // Whom an outer layer let in although too little was known is not let in here by that.
            let is_known = is_same && parts.extensions.get() == Some(&AdmittedWhen(policy.stale()));
            let known = parts.extensions.get::<Authenticated>().filter(|_| is_known).cloned();
            let judged = async {
                let who = match known {
                    Some(who) => who,
                    None => verifier.authenticate_for(&parts, policy.stale()).await?,
                };
                verifier.permit(&who, &policy).map(|()| who)
            };
            match judged.await {
                Ok(who) => {
                    parts.extensions.insert(verifier);
                    parts.extensions.insert(who);
                    parts.extensions.insert(AdmittedWhen(policy.stale()));
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(rejection) => Ok(rejection.into_response()),
            }
        })
    }
}
