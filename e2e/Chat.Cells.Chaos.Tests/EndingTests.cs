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

    // The machine stands still for four seconds, ten seconds before the failure.
    [Theory]
    [InlineData(15, Ending.MachineFailed)]
    [InlineData(5, Ending.ProductFailed)]
    [InlineData(null, Ending.ProductFailed)]
    public void Judge_ProductFailureAfterTheMachineStoodStill_IsTheMachinesOnlyWhenTheFailedWaitWasHit(int? waited, Ending ending)
    {
        var failure = new ProductFailedException("not recovered", waited is { } seconds ? TimeSpan.FromSeconds(seconds) : null);
        Assert.Equal(ending, ChaosRun.Judge(failure, StoodStill(MachineWatch.TooLate + TimeSpan.FromSeconds(1))).Ending);
    }

    [Fact]
    public void Judge_TimerThatWasLateButNotTooLate_ExcusesNothing() =>
        Assert.Equal(Ending.ProductFailed, ChaosRun.Judge(new ProductFailedException("not recovered", TimeSpan.FromSeconds(15)), StoodStill(MachineWatch.TooLate)).Ending);

    [Fact]
    public void Judge_HarnessThatFailedAfterTheMachineStoodStill_IsTheMachines() =>
        Assert.Equal(Ending.MachineFailed, ChaosRun.Judge(new HarnessException("no step"), StoodStill(MachineWatch.TooLate + TimeSpan.FromSeconds(1))).Ending);

    [Fact]
    public void Judge_TimerThatHasNotFiredYet_CountsAsWell()
    {
        var lateness = new Lateness(new SteppedTime(), static () => MachineWatch.TooLate + TimeSpan.FromSeconds(1), static _ => { });
        Assert.Equal(Ending.MachineFailed, ChaosRun.Judge(new ProductFailedException("not recovered", TimeSpan.FromSeconds(1)), lateness).Ending);
    }

    private static Lateness StoodStill(TimeSpan late)
    {
        var time = new SteppedTime();
        var lateness = new Lateness(time, static () => TimeSpan.Zero, static _ => { });
        lateness.Raise(late);
        time.Advance(TimeSpan.FromSeconds(10));
        return lateness;
    }

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

    private sealed class SteppedTime : TimeProvider
    {
        private long now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan by) => now += by.Ticks;

        public override long GetTimestamp() => now;
    }

    private sealed class Throwing(Exception failure) : IScenario
    {
        public string Name => "throwing";

        public string What => "throws";

        public bool IsShort => true;

        public Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken) => Task.FromException<Findings>(failure);
    }
}
