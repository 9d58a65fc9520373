//! Memory of the machine, and of the GPU that computes.

use mlx_core::memory;
use mlx_memory::{Bytes, Machine, recommended_working_set_bytes};

use super::report::Report;

/// With less than this, not even small models run.
const LITTLE: Bytes = Bytes::gib(1);

/// Tells what there is, and gives what arrays can take now, if that is known.
pub(super) fn examine(report: &mut Report) -> Option<Bytes> {
    let section = report.section("memory");
    let machine = match Machine::read() {
        Ok(machine) => machine,
        Err(error) => {
            report.wrong(error, "run it on Linux with /proc, or on macOS");
            return None;
        }
    };
    section.fact("total", machine.system.total).fact("available", machine.system.available);
    if let Some(limit) = machine.limit {
        section.fact("limit of the control group", limit);
    }
    if let Some(gpu) = &machine.gpu {
        section
            .fact("GPU", gpu.name.clone())
            .fact("GPU total", gpu.memory.total)
            .fact("GPU available", gpu.memory.available)
            .fact("GPU shares the system's", gpu.shares_system);
    }
    section
        .fact("MLX's limit", memory::limit().ok().map(Bytes::from))
        .fact("wired limit", recommended_working_set_bytes().ok().flatten())
        .fact("for models", machine.available());
    if let Some(limit) = machine.limit {
        let problem = format!("a control group allows this process {limit}, less than the machine has");
        report.note(problem, "give the container or the service more memory, if models should have it");
    }
    if machine.available() < LITTLE {
        let problem = format!("{} are available", machine.available());
        report.note(problem, "close other programs, or take a smaller model, or one of fewer bits");
    }
    Some(machine.available())
}
