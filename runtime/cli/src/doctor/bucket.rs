//! A store on S3: whether it can be reached, and what this user may do there, one by one.

use super::Check;
use crate::env;
use crate::place::Bucket;
use wrun_store::objects::{Fault, ObjectError, Objects, Put};

/// Clocks that are further apart have certificates expire and signatures refused; S3's own limit is 15 minutes.
const APART: i64 = 60;

/// Where probes are: below the prefix, and nothing of the store's.
const FOLDER: &str = "doctor/";

/// Tries everything that wrun does with a bucket.
pub(super) fn checks(bucket: &Bucket) -> Vec<Check> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let objects = bucket.objects(&runtime);
            runtime.block_on(look(&objects, bucket.options.conditional != Some(false)))
        }
        Err(error) => vec![Check::bad("bucket", format!("cannot start threads: {error}"), "")],
    }
}

/// What an answer comes to: a right that is there, one that is not, or no answer.
enum Tried<T> {
    Done(T),
    Refused(String),
    Failed(ObjectError),
}

fn tried<T>(result: Result<T, ObjectError>) -> Tried<T> {
    match result {
        Ok(value) => Tried::Done(value),
        Err(error) if error.fault == Fault::Denied => Tried::Refused(error.to_string()),
        Err(error) => Tried::Failed(error),
    }
}

fn failed(what: &'static str, error: &ObjectError) -> Check {
    Check::bad(what, error.to_string(), error.fault.hint().unwrap_or("look at the server's log"))
}

async fn look(objects: &dyn Objects, conditional: bool) -> Vec<Check> {
    let place = objects.describe();
    let now = env::now().as_millisecond();
    let name = format!("{FOLDER}{now:015}-{:08x}", std::process::id());
    let body: wrun_store::Bytes = b"wrun doctor\n".as_slice().into();

    // Everything else asks the same server with the same credentials.
    let list = match tried(objects.list(FOLDER, &name).await) {
        Tried::Failed(error) => return vec![failed("bucket", &error)],
        Tried::Done(_) => Check::good("list", "s3:ListBucket"),
        Tried::Refused(why) => Check::bad(
            "list",
            why,
            "allow s3:ListBucket on the bucket: without it an absence looks like a refusal",
        ),
    };
    let mut out = vec![Check::good("bucket", format!("{place} answers")), list];

    let wrote = match tried(objects.put_new(&name, body.clone()).await) {
        Tried::Done(Put::Created | Put::Exists(_)) => {
            out.push(Check::good("write", "s3:PutObject"));
            true
        }
        Tried::Refused(why) => {
            let remedy =
                "allow s3:PutObject on what is below the prefix; without it builds cannot keep what they make";
            out.push(Check::worse("write", why, remedy));
            false
        }
        Tried::Failed(error) => {
            out.push(failed("write", &error));
            false
        }
    };

    out.push(match tried(objects.get(&name).await) {
        Tried::Done(found) if found.is_some() == wrote => Check::good("read", "s3:GetObject"),
        Tried::Done(_) => Check::bad(
            "read",
            "what was just written is not there",
            "use a server whose reads see every finished write",
        ),
        Tried::Refused(why) => {
            Check::bad("read", why, "allow s3:GetObject on what is below the prefix: nothing works without it")
        }
        Tried::Failed(error) => failed("read", &error),
    });
    if !wrote {
        return out;
    }

    out.push(match (conditional, objects.heeds_conditions(&name, body).await) {
        (false, _) => Check::worse(
            "conditions",
            "`conditional = false`: of two builds that race each may believe to be first",
            "use a server that knows `If-None-Match`, and take the line out of wrun.toml",
        ),
        (true, Ok(true)) => Check::good("conditions", "a put that must not overwrite does not"),
        (true, Ok(false)) => Check::bad(
            "conditions",
            "the server overwrites although it is told not to (`If-None-Match: *`)",
            Fault::Unsupported.hint().unwrap_or_default(),
        ),
        (true, Err(error)) => failed("conditions", &error),
    });

    if let Ok(listed) = objects.list(&name, "").await
        && let Some(written) = listed.first().map(|object| object.written)
    {
        out.push(server_clock((env::now().as_millisecond() - written) / 1000));
    }

    out.push(match tried(objects.remove(std::slice::from_ref(&name)).await) {
        Tried::Done(()) => Check::good("delete", "s3:DeleteObject"),
        Tried::Refused(why) => Check::worse(
            "delete",
            why,
            "only `wrun store gc` deletes: allow s3:DeleteObject to whoever runs it, and to nobody else",
        ),
        Tried::Failed(error) => failed("delete", &error),
    });
    out
}

fn server_clock(apart: i64) -> Check {
    if apart.abs() <= APART {
        return Check::good("server's clock", format!("within {APART} s of this machine's"));
    }
    let way = if apart > 0 { "behind" } else { "ahead of" };
    Check::worse(
        "server's clock",
        format!("{} s {way} this machine's", apart.abs()),
        "set this machine's clock, or the server's: from 15 minutes on requests are refused",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;
    use wrun_store::objects::memory::MemoryObjects;

    fn states(checks: &[Check]) -> Vec<(&'static str, State)> {
        checks.iter().map(|check| (check.what, check.state)).collect()
    }

    #[tokio::test]
    async fn each_right_is_tried_and_nothing_is_left() {
        let bucket = MemoryObjects::default();
        let good = states(&look(&bucket, true).await);
        let due = ["bucket", "list", "write", "read", "conditions"];
        for what in due.into_iter().chain(["delete"]) {
            assert!(good.contains(&(what, State::Good)), "{what}: {good:?}");
        }
        // Its clock stands at 1970.
        assert!(good.contains(&("server's clock", State::Worse)), "{good:?}");
        assert!(bucket.names().is_empty());
    }

    #[test]
    fn clocks_may_differ_a_little() {
        assert_eq!(server_clock(-3).state, State::Good);
        assert!(server_clock(100).found.contains("100 s behind"));
        assert!(server_clock(-100).found.contains("100 s ahead"));
    }
}
