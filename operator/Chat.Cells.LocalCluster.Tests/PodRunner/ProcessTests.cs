using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Tests.PodRunner;

public sealed class ProcessTests
{
    private static readonly Dictionary<string, string> Env = new(StringComparer.Ordinal) { ["PATH"] = "/usr/local/bin:/usr/bin:/bin", ["GREETING"] = "hello there" };

    [Fact]
    public async Task Start_Process_WritesItsOwnIdentityAndOutput()
    {
        using var folder = new TestFolder();
        using var process = DetachedProcess.Start(new DetachedStart(["sh", "-c", "echo $GREETING; echo problem >&2; exit 7"], Env, folder.Path, folder.File("log"), folder.File("proc")));
        Assert.Equal(7, await process.WaitForExitAsync(CancellationToken.None));
        Assert.Equal("hello there\nproblem\n", await File.ReadAllTextAsync(folder.File("log")));
        Assert.Equal(process.Identity.Pid, ProcessIdentity.ReadFile(folder.File("proc"))!.Pid);
        Assert.False(process.Identity.IsAlive);
    }

    [Fact]
    public async Task Start_RunningProcess_FileAndHandleNameTheSameProcess()
    {
        using var folder = new TestFolder();
        using var process = DetachedProcess.Start(new DetachedStart(["sleep", "300"], Env, folder.Path, folder.File("log"), folder.File("proc")));
        await Poll.UntilAsync(() => ProcessIdentity.ReadFile(folder.File("proc")) is not null, "the process file");
        Assert.Equal(process.Identity, ProcessIdentity.ReadFile(folder.File("proc")));
        Assert.True(await ProcessSignals.StopAsync(process.Identity, TimeSpan.FromSeconds(30), TimeProvider.System, CancellationToken.None));
        Assert.Equal(143, await process.WaitForExitAsync(CancellationToken.None));
    }

    [Fact]
    public async Task TrySend_SamePidOtherStartTime_SignalsNothing()
    {
        using var folder = new TestFolder();
        using var process = DetachedProcess.Start(new DetachedStart(["sleep", "300"], Env, folder.Path, folder.File("log"), folder.File("proc")));
        try
        {
            var stale = process.Identity with { StartTime = process.Identity.StartTime - 1 };
            var otherBoot = process.Identity with { BootId = "another boot" };
            Assert.False(ProcessSignals.TrySend(stale, UnixSignal.Kill));
            Assert.False(ProcessSignals.TrySend(otherBoot, UnixSignal.Kill));
            Assert.True(await ProcessSignals.StopAsync(stale, TimeSpan.Zero, TimeProvider.System, CancellationToken.None));
            Assert.False(stale.IsAlive);
            Assert.True(process.Identity.IsAlive);
        }
        finally
        {
            Assert.True(ProcessSignals.TrySend(process.Identity, UnixSignal.Kill));
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    [Fact]
    public async Task StopAsync_ProcessThatIgnoresTerminate_IsKilledAfterItsGrace()
    {
        using var folder = new TestFolder();
        using var process = DetachedProcess.Start(new DetachedStart(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], Env, folder.Path, folder.File("log"), folder.File("proc")));
        await Poll.UntilAsync(() => File.Exists(folder.File("log")) && File.ReadAllText(folder.File("log")).Contains("ready", StringComparison.Ordinal), "the trap");
        Assert.False(await ProcessSignals.StopAsync(process.Identity, TimeSpan.FromMilliseconds(300), TimeProvider.System, CancellationToken.None));
        Assert.Equal(137, await process.WaitForExitAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Start_MissingProgram_EndsWith127AndSaysSo()
    {
        using var folder = new TestFolder();
        using var process = DetachedProcess.Start(new DetachedStart(["/no/such/program"], Env, folder.Path, folder.File("log"), folder.File("proc")));
        Assert.NotEqual(0, await process.WaitForExitAsync(CancellationToken.None));
        Assert.Contains("/no/such/program", await File.ReadAllTextAsync(folder.File("log")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20", 12, 4242)]
    [InlineData("7 (sh) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99 20", 7, 99)]
    public void TryParse_StatLine_FindsStartTimeAfterAnyName(string line, int pid, long start)
    {
        var stat = ProcStat.TryParse(line)!.Value;
        Assert.Equal((pid, start), (stat.Pid, stat.StartTime));
    }

    [Theory]
    [InlineData("")]
    [InlineData("12 (sh")]
    [InlineData("x (sh) S 1")]
    [InlineData("12 (sh) S 1 2 3")]
    public void TryParse_TornLine_IsNothing(string line) => Assert.Null(ProcStat.TryParse(line));

    [Theory]
    [InlineData("")]
    [InlineData("boot\n")]
    [InlineData("boot\n12 (sh) S")]
    public void ReadFile_TornFile_IsNothing(string content)
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.File("proc"), content);
        Assert.Null(ProcessIdentity.ReadFile(folder.File("proc")));
        Assert.Null(ProcessIdentity.ReadFile(folder.File("absent")));
    }
}
