//! `check --online`: runs what collecting runs, and says what is missing.

use super::{
    super::{Finding, SourceError, Verdict},
    Ceph, Part, cluster, command, images, subvolumes,
};

/// What a user of Ceph needs to be told all that is read.
const CAPS: &str =
    "give the user the capabilities mon 'allow r' mgr 'allow r' osd 'profile rbd-read-only'";

/// Tries the commands of one part.
pub(super) async fn online(ceph: &mut Ceph) -> Vec<Finding> {
    let tried = match ceph.part {
        Part::Cluster => cluster_found(ceph).await,
        Part::Rbd => images_found(ceph).await,
        Part::CephFs => subvolumes_found(ceph).await,
    };
    vec![tried.unwrap_or_else(|e| Finding {
        verdict: Verdict::Error,
        what: format!("{}: {e}", ceph.part.word()),
        hint: hint(&e).to_owned(),
    })]
}

fn hint(e: &SourceError) -> &'static str {
    match e {
        SourceError::Command { code: None, .. } => {
            "set `command` and `rbd_command` to what runs `ceph` and `rbd` here, each word by itself"
        }
        SourceError::Command { why, .. }
            if why.contains("EACCES") || why.contains("EPERM") || why.contains("not permitted") =>
        {
            CAPS
        }
        _ => "run that command by hand, as the user that plimsoll runs as",
    }
}

fn ok(what: String) -> Finding {
    Finding {
        verdict: Verdict::Ok,
        what,
        hint: String::new(),
    }
}

async fn cluster_found(ceph: &Ceph) -> Result<Finding, SourceError> {
    let mut counts = Vec::new();
    for told in &cluster::TOLD {
        let (items, _) = told.items(&ceph.commands).await?;
        counts.push(format!("{} {}", items.len(), told.list.name));
    }
    Ok(ok(format!("cluster: {}", counts.join(", "))))
}

async fn images_found(ceph: &Ceph) -> Result<Finding, SourceError> {
    let (spaces, _) = images::spaces(&ceph.commands, ceph.pools.as_ref()).await?;
    if spaces.is_empty() {
        return Ok(Finding {
            verdict: Verdict::Warning,
            what: "rbd: no pool is for RBD".to_owned(),
            hint: "pools are found by their application (`ceph osd pool application enable POOL rbd`) and by `pools`; without any, leave rbd out of `parts`"
                .to_owned(),
        });
    }
    let mut count = 0;
    for space in &spaces {
        count += images::count(&ceph.commands, space).await?;
    }
    let spaces = spaces.len();
    Ok(ok(format!(
        "rbd: {count} images in {spaces} pools and namespaces"
    )))
}

async fn subvolumes_found(ceph: &Ceph) -> Result<Finding, SourceError> {
    let (places, _) = subvolumes::places(&ceph.commands).await?;
    if let Some(place) = places.first() {
        match subvolumes::info(&ceph.commands, place).await {
            Err(e) if !command::is_unknown(&e) => return Err(e),
            _ => {}
        }
    }
    Ok(ok(format!("cephfs: {} subvolumes", places.len())))
}
