//! The server: its models, its address, its end.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::watch;

use crate::api::{self, House};
use crate::catalogue::Catalogue;
use crate::metrics::Metrics;
use crate::remote::Remote;
use crate::{Error, Result, ServerOptions};

/// A server that is ready to answer.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    house: Arc<House>,
}

impl Server {
    /// Takes an address, such as `127.0.0.1:8080`, and starts the threads of the models.
    ///
    /// # Errors
    /// The address cannot be listened to; a model's files are not there; an address that others reach has no API key.
    pub async fn bind(
        address: impl ToSocketAddrs + std::fmt::Display,
        options: ServerOptions,
    ) -> Result<Self> {
        let unheard = |source| Error::Listen { address: address.to_string(), source };
        let listener = TcpListener::bind(&address).await.map_err(unheard)?;
        let bound = listener.local_addr().map_err(unheard)?;
        if !bound.ip().is_loopback() && options.api_keys.is_empty() {
            let message =
                format!("{bound} can be reached from other machines: give --api-key, or listen on 127.0.0.1");
            return Err(Error::Options(message));
        }
        let metrics = Metrics::new();
        let catalogue = Catalogue::open(&options, &metrics)?;
        let remote = options.remote_images.then(Remote::new);
        let responses = Arc::default();
        let house = Arc::new(House { catalogue, metrics, options, remote, responses });
        Ok(Self { listener, address: bound, house })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `end` is there. Then it takes no others, and lets those that are there go on for the time
    /// of grace.
    ///
    /// # Errors
    /// The connection to all clients is lost.
    pub async fn run(self, end: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let Self { listener, house, .. } = self;
        let grace = house.options.limits.grace;
        let (told, mut ending) = watch::channel(false);
        let closing = Arc::clone(&house);
        let signal = async move {
            end.await;
            closing.catalogue.close(Instant::now() + grace);
            // Nobody may listen any more.
            let _ = told.send(true);
        };
        let router = api::router(Arc::clone(&house));
        let serving = axum::serve(listener, router).with_graceful_shutdown(signal).into_future();
        let late = async move {
            let _ = ending.wait_for(|ending| *ending).await;
            tokio::time::sleep(grace).await;
        };
        let served = tokio::select! {
            served = serving => served.map_err(Error::Serve),
            () = late => Ok(()),
        };
        let joined = tokio::task::spawn_blocking(move || {
            if let Ok(mut house) = Arc::try_unwrap(house) {
                house.catalogue.join();
            }
        });
        // Threads that still hold a connection end with the program.
        let _ = joined.await;
        served
    }
}
