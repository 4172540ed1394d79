using System.Diagnostics;

namespace Chat.Cells.Processes.Tests;

public sealed class ProcessRefTests
{
    [Fact]
    public void ResidentBytes_ThisProcess_IsAboutWhatTheRuntimeSays()
    {
        var self = ProcessRef.Of("self", Environment.ProcessId)!;

        var resident = Assert.NotNull(self.ResidentBytes);

        Assert.InRange(resident, 1 << 20, 4 * Environment.WorkingSet);
    }

    [Fact]
    public async Task ResidentBytes_EndedProcess_IsNull()
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "read line"]) { RedirectStandardInput = true, UseShellExecute = false })!;
        var reference = ProcessRef.Of("sh", process.Id)!;
        Assert.NotNull(reference.ResidentBytes);

        process.StandardInput.Close();
        await process.WaitForExitAsync();

        Assert.Null(reference.ResidentBytes);
        Assert.Null(reference.CpuSeconds);
    }
}
