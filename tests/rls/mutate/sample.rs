//! A hundred mutations, half a minute where nothing else runs. One tree always tries the same ones, so a run can be
//! repeated; a change of any rule brings others.

use anyhow::{Result, ensure};

use super::campaign::Campaign;

#[tokio::test]
async fn every_rule_of_a_sample_is_missed_when_it_is_gone() -> Result<()> {
    let report = Campaign {
        seed: None,
        first: Some(100),
        only: Vec::new(),
        is_list: false,
        is_told: false,
    }
    .run()
    .await?;
    println!("{}", report.text());
    ensure!(report.survivors.is_empty(), "{}", report.text());
    Ok(())
}
