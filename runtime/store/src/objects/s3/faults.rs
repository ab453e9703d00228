//! What a request's error means.

use crate::objects::Fault;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

pub(super) fn is_no_bucket<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("NoSuchBucket")
}

/// Says what kind of failure an error is, and what to tell people.
pub(super) fn classify<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: &SdkError<E, HttpResponse>,
) -> (Fault, String) {
    let status = status(error).unwrap_or_default();
    match error {
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
            let code = error.code().unwrap_or_default();
            let fault = match (code, status) {
                ("ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId" | "TokenRefreshRequired", _) => {
                    Fault::Credentials
                }
                ("RequestTimeTooSkewed", _) => Fault::ClockSkew,
                ("NoSuchBucket", _) => Fault::NoBucket,
                ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "TemporaryRedirect", _)
                | (_, 301 | 307) => Fault::Region,
                ("SlowDown" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded", _)
                | (_, 429 | 503) => Fault::Throttled,
                ("RequestTimeout", _) | (_, 408) => Fault::TimedOut,
                ("ConditionalRequestConflict" | "OperationAborted", _) => Fault::Server,
                ("NotImplemented", _) | (_, 501) => Fault::Unsupported,
                ("AccessDenied" | "SignatureDoesNotMatch" | "AllAccessDisabled", _) | (_, 401 | 403) => {
                    Fault::Denied
                }
                (_, 500..) => Fault::Server,
                (_, 200..=299) => Fault::Garbled,
                _ => Fault::Other,
            };
            let said = match (code, error.message()) {
                ("", None) => format!("the server answered with status {status}"),
                ("", Some(message)) => format!("{message} (status {status})"),
                (code, None) => format!("{code} (status {status})"),
                (code, Some(message)) => format!("{code}: {message} (status {status})"),
            };
            (fault, said)
        }
        SdkError::TimeoutError(_) => (Fault::TimedOut, "no answer in time".into()),
        SdkError::DispatchFailure(failure) => {
            let said = deepest(error);
            if said.contains("credentials") || deep(error).any(|text| text.contains("credentials")) {
                (Fault::Credentials, said)
            } else if failure.is_timeout() {
                (Fault::TimedOut, said)
            } else {
                (Fault::Unreachable, said)
            }
        }
        other => {
            let credentials = deep(other).any(|text| text.contains("credentials"));
            (if credentials { Fault::Credentials } else { Fault::Other }, deepest(other))
        }
    }
}

fn deep<'a>(error: &'a (dyn std::error::Error + 'static)) -> impl Iterator<Item = String> + 'a {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string)
}

fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    deep(error).last().unwrap_or_default()
}
