using System.Net;
using Chat.Cells.LocalCluster.CommandLine;
using Chat.Cells.LocalCluster.Processes;
using Chat.Cells.LocalCluster.Up;

namespace Chat.Cells.LocalCluster.Tests.Up;

public sealed class SettingsTests : IDisposable
{
    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Choose_AgainForTheSameFolder_KeepsAddressesAndPort()
    {
        var first = ClusterSettings.Choose(Paths("a"), 31234, []);
        Assert.Equal(first, ClusterSettings.Choose(Paths("a"), null, []));
        Assert.Equal(first with { NodePort = 31235 }, ClusterSettings.Choose(Paths("a"), 31235, []));
        Assert.Equal(30080, ClusterSettings.Choose(Paths("b"), null, []).NodePort);
    }

    [Fact]
    public void Choose_RangeInUse_TakesAnother()
    {
        var first = ClusterSettings.Choose(Paths("a"), null, []);
        File.Delete(Paths("a").Settings);
        var second = ClusterSettings.Choose(Paths("a"), 31000, [new IPEndPoint(new IPAddress([127, (byte)(first.SecondOctet + 1), 0, 10]), 8080)]);
        Assert.NotEqual(first.SecondOctet, second.SecondOctet);
        Assert.Equal(0, second.SecondOctet % 2);
    }

    [Fact]
    public void Choose_OwnRangeInUse_SaysWhatToDo()
    {
        var first = ClusterSettings.Choose(Paths("a"), null, []);
        var e = Assert.Throws<UpException>(() => ClusterSettings.Choose(Paths("a"), null, [new IPEndPoint(new IPAddress([127, (byte)first.SecondOctet, 0, 1]), 6443)]));
        Assert.Contains("--data", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    public void Choose_PortInUse_SaysWhichAndWhatToDo(string address)
    {
        var e = Assert.Throws<UpException>(() => ClusterSettings.Choose(Paths("a"), null, [new IPEndPoint(IPAddress.Parse(address), 30080)]));
        Assert.Contains("port 30080 is in use", e.Message, StringComparison.Ordinal);
        Assert.Contains("--port", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Choose_PortZero_TakesAFreeOneAndKeepsIt()
    {
        var first = ClusterSettings.Choose(Paths("a"), 0, []);
        Assert.InRange(first.NodePort, 30000, 32767);
        Assert.Equal(first, ClusterSettings.Choose(Paths("a"), 0, []));
        Assert.NotEqual(first.NodePort, ClusterSettings.Choose(Paths("a"), 0, [new IPEndPoint(IPAddress.Loopback, first.NodePort)]).NodePort);
    }

    [Fact]
    public void Take_LockThatIsHeld_SaysWhoHasIt()
    {
        var paths = Paths("a");
        using (FolderLock.Take(paths))
        {
            var e = Assert.Throws<UpException>(() => FolderLock.Take(paths));
            Assert.Contains($"process {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
        }

        FolderLock.Take(paths).Dispose();
    }

    [Fact]
    public void Write_ProjectThatIsNotBuilt_SaysWhatToDo()
    {
        var e = Assert.Throws<UpException>(() => ImageMapWriter.Write(folder.Path, "Debug/net10.0", "dotnet", folder.File("images.json")));
        Assert.Contains("make build", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CheckSpace_DiskNearlyFull_SaysWhereAndWhatToDo()
    {
        UpCommand.CheckSpace("/data", 300L * 1024 * 1024);
        var e = Assert.Throws<UpException>(() => UpCommand.CheckSpace("/data", 100L * 1024 * 1024));
        Assert.Contains("the disk of /data has only 100 MB left", e.Message, StringComparison.Ordinal);
        Assert.Contains("--data", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_FolderInUse_SaysWhoAndExitsWithOne()
    {
        var paths = Paths("busy");
        using var held = FolderLock.Take(paths);
        var error = new StringWriter();
        var before = Console.Error;
        Console.SetError(error);
        try
        {
            Assert.Equal(1, await UpCommand.RunAsync(["--data", paths.Data], CancellationToken.None));
        }
        finally
        {
            Console.SetError(before);
        }

        Assert.Contains("a cluster already runs on", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--port", "99999")]
    [InlineData("--port", "x")]
    [InlineData("--unknown", "x")]
    [InlineData("--data", null)]
    public void Parse_BadOption_IsAUsageError(string name, string? value) => Assert.Throws<UsageException>(() => UpOptions.Parse(value is null ? [name] : [name, value]));

    [Fact]
    public void Parse_Options_AreRead()
    {
        var options = UpOptions.Parse(["--data", folder.Path, "--port=0", "--detach", "--ready-within", "7"]);
        Assert.Equal((folder.Path, 0, true, false, 7.0), (options.Data, options.Port, options.Detach, options.ExitWhenReady, options.ReadyWithin.TotalSeconds));
        Assert.EndsWith("samples/two-regions.yaml", options.Samples, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Supervise_ProcessThatDies_IsStartedAgainAndStoppedForGood()
    {
        var paths = Paths("s");
        var output = new StringWriter();
        await using var supervised = new SupervisedProcess("worker", ["sh", "-c", "sleep 1000"], paths, new UpConsole(output, TimeProvider.System), TimeProvider.System);
        var restarts = 0;
        supervised.Restarted = () => Interlocked.Increment(ref restarts);
        supervised.Start();
        var first = supervised.Identity!;
        Assert.True(ProcessSignals.TrySend(first, UnixSignal.Kill));
        await Poll.UntilAsync(() => Volatile.Read(ref restarts) == 1, "the restart");
        var second = supervised.Identity!;
        Assert.NotEqual(first, second);
        Assert.Contains("worker ended with exit code 137", output.ToString(), StringComparison.Ordinal);
        await supervised.StopAsync(CancellationToken.None);
        Assert.False(second.IsAlive);
        Assert.Null(supervised.Identity);
    }

    [Fact]
    public async Task StopLeftover_ProcessOfAKilledSupervisor_IsStopped()
    {
        var paths = Paths("s");
        using var left = DetachedProcess.Start(new DetachedStart(["sleep", "1000"], new Dictionary<string, string>(StringComparer.Ordinal) { ["PATH"] = "/usr/bin:/bin" }, paths.Data, paths.Log("pods"), paths.ProcessFile("pods")));
        await Poll.UntilAsync(() => ProcessIdentity.ReadFile(paths.ProcessFile("pods")) is not null, "the process file");
        await SupervisedProcess.StopLeftoverAsync("pods", paths, TimeProvider.System, CancellationToken.None);
        Assert.Equal(143, await left.WaitForExitAsync(CancellationToken.None));
    }

    [Fact]
    public void WriteAndRead_Description_IsTheSame()
    {
        var paths = Paths("d");
        Assert.Null(ClusterDescription.Read(paths));
        new ClusterDescription
        {
            ApiServerUrl = "https://127.64.0.1:6443",
            Kubeconfig = "k",
            RouterUrl = "http://localhost:30080/",
            DataDir = paths.Data,
            Pids = new Dictionary<string, int>(StringComparer.Ordinal) { ["pods"] = 7 },
            StartTimes = new Dictionary<string, long>(StringComparer.Ordinal) { ["pods"] = 9 },
        }.Write(paths);
        var read = ClusterDescription.Read(paths)!;
        Assert.Equal(("http://localhost:30080/", 7, 9L), (read.RouterUrl, read.Pids["pods"], read.StartTimes["pods"]));
        Assert.Contains("\"apiServerUrl\"", File.ReadAllText(paths.Description), StringComparison.Ordinal);
    }

    private ClusterPaths Paths(string name)
    {
        var paths = new ClusterPaths(folder.File(name));
        paths.Create();
        return paths;
    }
}
