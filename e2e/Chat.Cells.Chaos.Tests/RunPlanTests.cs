using Chat.Cells.Chaos.CommandLine;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Chaos.Scenarios;

namespace Chat.Cells.Chaos.Tests;

public sealed class RunPlanTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private readonly string folder = Directory.CreateTempSubdirectory("chat-cells-chaos-").FullName;
    private readonly StringWriter output = new();

    private ChaosOptions Options => new() { Seed = 3, Artifacts = folder };

    public void Dispose()
    {
        output.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Durations_EveryScenarioOfTheCatalog_IsListed() =>
        Assert.DoesNotContain(Catalog.All, s => !Durations.IsKnown(s.Name));

    [Fact]
    public async Task Run_TwoAtATime_RunBesideEachOtherAndAreReportedInTheirOrder()
    {
        using var both = new CountdownEvent(2);
        async Task<Findings> Meet(CancellationToken token)
        {
            both.Signal();
            while (!both.IsSet) await Task.Delay(5, token);
            throw new SkippedException("met");
        }

        var results = await ChaosRun.RunAsync([new Acting("one", Meet), new Acting("two", Meet)], Options with { Jobs = 2 }, output, CancellationToken.None).WaitAsync(Bound);

        Assert.Equal([("one", "met"), ("two", "met")], results.Select(r => (r.Name, r.Reason!)));
    }

    [Fact]
    public async Task Run_ScenarioThatMustBeAlone_BeginsWhenTheOthersAreDone()
    {
        var running = 0;
        var beside = -1;
        async Task<Findings> Run(CancellationToken token)
        {
            Interlocked.Increment(ref running);
            await Task.Delay(50, token);
            Interlocked.Decrement(ref running);
            throw new SkippedException("ran");
        }

        Task<Findings> Look(CancellationToken token)
        {
            beside = Volatile.Read(ref running);
            throw new SkippedException("looked");
        }

        await ChaosRun.RunAsync([new Acting("alone", Look, isAlone: true), new Acting("one", Run), new Acting("two", Run)], Options with { Jobs = 3 }, output, CancellationToken.None).WaitAsync(Bound);

        Assert.Equal(0, beside);
    }

    [Fact]
    public void Bound_OfAScenario_IsNeverBeyondTheRuns()
    {
        var scenario = new Acting("kafka.full", _ => throw new SkippedException("never run"));
        var plan = new RunPlan([scenario], Options with { Within = 1 });

        var limit = plan.BoundOf(scenario);

        Assert.InRange(limit.Time, TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Assert.IsType<MachineException>(limit.Is(new OperationCanceledException()));
    }

    [Fact]
    public void Bound_OfAScenarioThatComesAfterTheRunsEnd_IsNothing()
    {
        var scenario = new Acting("kafka.full", _ => throw new SkippedException("never run"));

        var limit = new RunPlan([scenario], Options with { Within = 0 }).BoundOf(scenario);

        Assert.Equal(TimeSpan.Zero, limit.Time);
        Assert.IsType<MachineException>(limit.Is(new OperationCanceledException()));
    }

    [Fact]
    public void Limit_ScenarioThatTookTooLong_IsTheHarnesssFaultAndOtherFailuresStayTheirOwn()
    {
        var scenario = new Acting("kafka.full", _ => throw new SkippedException("never run"));
        var limit = new RunPlan([scenario], Options with { Within = 600 }).BoundOf(scenario);

        Assert.IsType<HarnessException>(limit.Is(new OperationCanceledException()));
        Assert.IsType<ProductFailedException>(limit.Is(new ProductFailedException("not recovered")));
    }

    [Fact]
    public async Task Run_Cancelled_SaysWhatIsDoneAndLeavesTheRest()
    {
        using var stop = new CancellationTokenSource();
        async Task<Findings> Stop(CancellationToken token)
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
            throw new SkippedException("never");
        }

        var results = await ChaosRun.RunAsync(
            [new Acting("one", _ => throw new SkippedException("done")), new Acting("two", Stop), new Acting("three", Stop)], Options with { Jobs = 1 }, output, stop.Token).WaitAsync(Bound);

        Assert.Equal(["one"], results.Select(r => r.Name));
    }

    private sealed class Acting(string name, Func<CancellationToken, Task<Findings>> act, bool isAlone = false) : IScenario
    {
        public string Name => name;

        public string What => "does what a test wants";

        public bool IsShort => true;

        public bool IsAlone => isAlone;

        public Task<Findings> RunAsync(ScenarioContext context, CancellationToken cancellationToken) => act(cancellationToken);
    }
}
