using Chat.Cells.Chaos.CommandLine;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Chaos.Scenarios;

namespace Chat.Cells.Chaos.Tests;

public sealed class EndingTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("chat-cells-chaos-").FullName;
    private readonly StringWriter output = new();

    public void Dispose()
    {
        output.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    public static TheoryData<Exception, int> Failures => new()
    {
        { new ProductFailedException("not recovered"), 1 },
        { new HarnessException("no step"), 2 },
        { new InvalidOperationException("a mistake of the harness"), 2 },
        { new OperationCanceledException(), 2 },
        { new MachineException("no descriptors"), 3 },
        { new InvalidOperationException("wrapped", new IOException("No space left on device", 28)), 3 },
        { new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.TooManyOpenSockets), 3 },
        { new SkippedException("needs root"), 0 },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Run_ScenarioThatThrows_ExitCodeSaysWhoseFaultItIs(Exception failure, int exitCode)
    {
        var results = await ChaosRun.RunAsync([new Throwing(failure)], new ChaosOptions { Artifacts = folder }, output, CancellationToken.None);
        Assert.Equal(exitCode, ResultTable.ExitCode([.. results]));
        Assert.Contains("throwing", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Judge_TimeOutOnAMachineThatStoodStill_IsTheMachines() =>
        Assert.Equal(Ending.MachineFailed, ChaosRun.Judge(new ProductFailedException("not recovered"), MachineWatch.TooLate + TimeSpan.FromSeconds(1)).Ending);

    [Fact]
    public void ExitCode_ProductFailureAmongOthers_IsNeverHidden()
    {
        var results = new[] { Ending.MachineFailed, Ending.ProductFailed, Ending.HarnessFailed, Ending.Passed }
            .Select(e => new ScenarioResult("x", e, null, 0, TimeSpan.Zero, TimeSpan.Zero, "why")).ToArray();
        Assert.Equal(1, ResultTable.ExitCode(results));
    }

    [Theory]
    [InlineData("--seed", "x")]
    [InlineData("--seed")]
    [InlineData("--sed", "1")]
    [InlineData("--jobs", "0")]
    [InlineData("--jobs", "two")]
    [InlineData("--within")]
    [InlineData("--within", "-1")]
    public void Parse_BadOption_Throws(params string[] arguments) => Assert.Throws<HarnessException>(() => ChaosOptions.Parse(arguments));

    [Fact]
    public async Task Run_UnknownScenario_IsAHarnessFailure() =>
        await Assert.ThrowsAsync<HarnessException>(() => ChaosRun.RunAsync(ChaosOptions.Parse(["--only", "no.such"]), output, CancellationToken.None));

    [Fact]
    public void Catalog_Names_AreDistinct() => Assert.Equal(Catalog.All.Count, Catalog.All.Select(s => s.Name).Distinct().Count());

    private sealed class Throwing(Exception failure) : IScenario
    {
        public string Name => "throwing";

        public string What => "throws";

        public bool IsShort => true;

        public Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken) => Task.FromException<Findings>(failure);
    }
}
