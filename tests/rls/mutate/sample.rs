//! As many mutations as fit into the time of a test. One tree always tries them in one order, so a run can be repeated; a
//! change of any rule brings another order.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::campaign::Campaign;

#[tokio::test]
async fn every_rule_of_a_sample_is_missed_when_it_is_gone() -> Result<()> {
    let report = Campaign {
        seed: None,
        time: Some(Duration::from_secs(45)),
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
