//! The processor, and what of it is used.

use std::{env, fs, thread};

use mlx_core::{Device, cpu};

use super::report::Report;
use crate::failure::Outcome;

/// Tells of cores and instructions, and which of them kernels use.
pub(super) fn examine(report: &mut Report) -> Outcome {
    let info = Device::Cpu.info()?;
    let allowed = thread::available_parallelism().map_or(1, usize::from);
    let online =
        fs::read_to_string("/sys/devices/system/cpu/online").ok().and_then(|list| count(list.trim()));
    let features = cpu::features();
    let names = |has: bool| {
        features
            .iter()
            .filter(|feature| feature.1 == has)
            .map(|(name, _)| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    report
        .section("processor")
        .fact("model", info.name().map(str::to_owned))
        .fact("architecture", info.architecture().map(str::to_owned))
        .fact("cores", online.unwrap_or(allowed))
        .fact("cores allowed", allowed)
        .fact("kernels", cpu::level().unwrap_or("off"))
        .fact("threads", cpu::threads())
        .fact("instructions", names(true))
        .fact("missing", names(false));
    cores(report, allowed, online);
    kernels(report, &features);
    Ok(())
}

fn cores(report: &mut Report, allowed: usize, online: Option<usize>) {
    match online {
        Some(online) if allowed == 1 && online > 1 => {
            let way_out = "lift the affinity (`taskset`) or the CPU quota of its control group or container";
            report.note(format!("one of {online} cores is allowed, so that everything is slow"), way_out);
        }
        Some(online) if allowed < online => {
            let way_out = "lift the affinity or the CPU quota of its container, if it should have more";
            report.note(format!("{allowed} of {online} cores are allowed"), way_out);
        }
        _ => {}
    }
    let threads = cpu::threads();
    if threads > allowed {
        let problem = format!("{threads} threads share the work, and {allowed} cores are allowed");
        report.note(problem, format!("set MLX_NUM_THREADS to {allowed} or less, or unset it"));
    } else if threads < allowed {
        let problem = format!("{threads} of {allowed} cores that are allowed are used");
        report.note(problem, "unset MLX_NUM_THREADS to use all");
    }
}

fn kernels(report: &mut Report, features: &[(&str, bool)]) {
    let Some(level) = cpu::level() else {
        let way_out = "unset MLX_CPU_KERNELS, unless results are to be compared with MLX's own";
        report.note(
            "kernels for the CPU are turned off, so that MLX's own loops compute, which are slow",
            way_out,
        );
        return;
    };
    if let Ok(wanted) = env::var("MLX_CPU_LEVEL").map(|wanted| wanted.trim().to_owned()) {
        if wanted == level {
            report.note(format!("MLX_CPU_LEVEL is {wanted}"), "unset it to use all that the processor has");
        } else {
            let problem =
                format!("MLX_CPU_LEVEL is {wanted}, which this processor does not have or nobody knows");
            report.note(problem, format!("unset it, or take {level}, which is used now"));
        }
    }
    let lacking: Vec<_> = features.iter().take(3).filter(|(_, has)| !has).map(|(name, _)| *name).collect();
    if !lacking.is_empty() {
        let problem = format!("the processor has no {}, so that kernels are slow", lacking.join(", "));
        report.note(
            problem,
            "take a machine of 2013 or later, or let the virtual machine have these instructions",
        );
    }
}

/// How many numbers a list such as `0-3,8` has.
fn count(list: &str) -> Option<usize> {
    let ranges = list.split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1)
    });
    ranges.sum()
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn lists_of_cores_are_counted() {
        assert_eq!([count("0"), count("0-3,8"), count("0-1,4-5")], [Some(1), Some(5), Some(4)]);
        assert_eq!([count(""), count("3-1"), count("a")], [None; 3]);
    }
}
