//! A cluster of one's own, for tests that crash it.

use anyhow::{Context, Result, bail};
use local_stack::cluster::Cluster;
use local_stack::installation::Installation;
use local_stack::migrate::Sources;
use local_stack::pg17::{self, Prepared};
use local_stack::with_cluster::cluster_with_templates;

use crate::{environment, repository};

/// A cluster that nobody else uses, of the version the others run on, with both templates.
pub async fn cluster_of_its_own() -> Result<Cluster> {
    let environment = environment();
    let (installation, build) = match environment.postgres {
        17 => match pg17::prepare()? {
            Prepared::Ready(installation) => {
                let profile = environment
                    .programs
                    .file_name()
                    .context("programs stand in a profile's folder")?;
                (
                    installation,
                    environment.programs.with_file_name("pg17").join(profile),
                )
            }
            Prepared::Skipped(why) => bail!("{why}"),
        },
        version => (
            Installation::of_machine(version)?,
            environment.programs.clone(),
        ),
    };
    Ok(cluster_with_templates(installation, &Sources::of(&repository()), &build).await?)
}
