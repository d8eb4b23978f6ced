//! Random numbers, which need not be the same in two runs.

use anyhow::{Context as _, Result, ensure};

/// A random number below `end`.
pub(super) fn below(end: usize) -> Result<usize> {
    ensure!(end > 0, "there are no connections");
    // The remainder is as good as even: the ends are small.
    Ok(usize::try_from(bits()? % end as u64)?)
}

/// A random number from 0 to 1, 1 excluded.
pub(super) fn unit() -> Result<f64> {
    /// The digits of an `f64`'s fraction.
    const DIGITS: u32 = 53;
    Ok((bits()? >> (u64::BITS - DIGITS)) as f64 / (1_u64 << DIGITS) as f64)
}

fn bits() -> Result<u64> {
    getrandom::u64().context("no random number")
}
