//! Points to an InfluxDB 2 API, through the crate `influxdb2`.
//!
//! In: forecasts and alerts. Out: an answer from the server, or a named error. Trying again is the caller's; sending a point twice
//! changes nothing. Not here: what a point looks like (`points`).

use super::points::alert_line;
use super::points::forecast_lines;
use super::target::InfluxError;
use super::target::Target;
use engine::alert::Alert;
use engine::domain::Forecast;
use influxdb2::Client;
use influxdb2::ClientBuilder;
use influxdb2::RequestError;
use influxdb2::models::health::Status;
use std::future::Future;
use std::time::Duration;

/// Bytes of one request, about; servers refuse very large ones.
const REQUEST_BYTES: usize = 1 << 20;

/// A bucket to write to.
#[derive(Debug)]
pub struct Writer {
    client: Client,
    target: Target,
    place: String,
    timeout: Duration,
}

impl Writer {
    /// A writer; a request that takes longer than `timeout` has failed. Nothing is sent yet.
    ///
    /// # Errors
    /// [`InfluxError::Address`], [`InfluxError::Client`].
    pub fn new(target: &Target, timeout: Duration) -> Result<Self, InfluxError> {
        let url = target.address()?;
        let place = Target::place(&url);
        let client = ClientBuilder::new(url.as_str(), target.org.as_str(), target.token.as_str());
        let client = client.build().map_err(|error| InfluxError::Client { place: place.clone(), problem: error.to_string() })?;
        Ok(Self { client, target: target.clone(), place, timeout })
    }

    /// Writes forecasts as points of the measurement `forecast`. Returns the number of points sent.
    ///
    /// # Errors
    /// [`InfluxError`]; points of earlier requests may have been written, the same forecasts may be sent again.
    pub async fn forecasts(&self, forecasts: &[Forecast]) -> Result<usize, InfluxError> {
        let (mut body, mut points) = (String::new(), 0);
        for forecast in forecasts {
            for line in forecast_lines(forecast)? {
                body.push_str(&line);
                points += 1;
                if body.len() >= REQUEST_BYTES {
                    self.send(std::mem::take(&mut body)).await?;
                }
            }
        }
        self.send(body).await?;
        Ok(points)
    }

    /// Writes alerts as points of the measurement `alert`.
    ///
    /// # Errors
    /// As [`Writer::forecasts`].
    pub async fn alerts(&self, alerts: &[Alert]) -> Result<usize, InfluxError> {
        let mut body = String::new();
        for alert in alerts {
            body.push_str(&alert_line(alert)?);
            if body.len() >= REQUEST_BYTES {
                self.send(std::mem::take(&mut body)).await?;
            }
        }
        self.send(body).await?;
        Ok(alerts.len())
    }

    /// Asks whether the server is well.
    ///
    /// # Errors
    /// [`InfluxError::Unreachable`], [`InfluxError::Busy`] with what it says ails it, [`InfluxError::Refused`] from servers that take
    /// points but have no such answer (VictoriaMetrics).
    pub async fn health(&self) -> Result<(), InfluxError> {
        let health = self.within(self.client.health()).await?;
        match health.status {
            Status::Pass => Ok(()),
            Status::Fail => {
                Err(InfluxError::Busy { place: self.place.clone(), status: 503, text: health.message.unwrap_or_default() })
            }
        }
    }

    async fn send(&self, body: String) -> Result<(), InfluxError> {
        if body.is_empty() {
            return Ok(());
        }
        self.within(self.client.write_line_protocol(&self.target.org, &self.target.bucket, body)).await
    }

    async fn within<T>(&self, request: impl Future<Output = Result<T, RequestError>>) -> Result<T, InfluxError> {
        let unreachable = |problem: String| InfluxError::Unreachable { place: self.place.clone(), problem };
        match tokio::time::timeout(self.timeout, request).await {
            Err(_) => Err(unreachable(format!("no answer within {} s", self.timeout.as_secs_f64()))),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(RequestError::Http { status, text })) => Err(self.target.refusal(&self.place, status.as_u16(), &text)),
            Ok(Err(RequestError::ReqwestProcessing { source })) if source.is_decode() => {
                let text = "it answers, but not as InfluxDB does".into();
                Err(InfluxError::Refused { place: self.place.clone(), status: 200, text })
            }
            Ok(Err(RequestError::ReqwestProcessing { source })) => Err(unreachable(source.without_url().to_string())),
            Ok(Err(other)) => Err(unreachable(other.to_string())),
        }
    }
}
