using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Chaos.CommandLine;
using Chat.Cells.Chaos.Reporting;
using Chat.Cells.Chaos.Scenarios;

namespace Chat.Cells.Chaos.Tests;

/// <summary>The harness on cells that really lose and double messages: it has to say so, and exit with 1.</summary>
public sealed class BrokenProductTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("chat-cells-chaos-").FullName;
    private readonly StringWriter output = new();

    public void Dispose()
    {
        output.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Run_MessageRowsThatVanish_ExitsWithProductFailure()
    {
        // A store that says that rows are written and forgets some: in the history of one or both cells they are missing.
        var count = 0;
        var result = await RunAsync(engines => engines with
        {
            Store = TamperedPort.Around(engines.Store, (method, arguments) =>
                method != nameof(IMessageStore.WriteJudgedAsync) || arguments[0] is not JudgedBatch { Messages.Count: > 0 } || Interlocked.Increment(ref count) % 20 != 0),
        });
        Assert.Equal(Ending.ProductFailed, result.Ending);
        Assert.True(result.Report!.Lost + result.Report.Reordered > 0, output.ToString());
        Assert.Equal(1, ResultTable.ExitCode([result]));
    }

    [Fact]
    public async Task Run_SendsThatAreAppendedTwice_ExitsWithProductFailureAndCountsThemDoubled()
    {
        // A log that appends some sends again under another request id: one send becomes two messages.
        var count = 0;
        var result = await RunAsync(engines =>
        {
            var log = engines.Log;
            return engines with
            {
                Log = TamperedPort.Around(log, (method, arguments) =>
                {
                    if (method != nameof(IMessageLog.AppendAsync) || !((TopicPartition)arguments[0]!).Topic.StartsWith("chat.messages", StringComparison.Ordinal)) return true;
                    if (ChannelRecord.Decode((ReadOnlyMemory<byte>)arguments[2]!) is not SendRecord send || Interlocked.Increment(ref count) % 20 != 0) return true;
                    var again = send with { Origin = send.Origin with { RequestId = "again-" + send.Origin.RequestId } };
                    _ = log.AppendAsync((TopicPartition)arguments[0]!, (ReadOnlyMemory<byte>)arguments[1]!, ChannelRecord.Encode(again), CancellationToken.None).AsTask();
                    return true;
                }),
            };
        });
        Assert.Equal(Ending.ProductFailed, result.Ending);
        Assert.True(result.Report!.Duplicated > 0, output.ToString());
        Assert.Equal(1, ResultTable.ExitCode([result]));
    }

    [Fact]
    public async Task Run_InboxRowsThatVanish_IsAProductFailureBecauseItNeverRecovers()
    {
        // Without hints, which would show a message although its row is missing.
        var count = 0;
        var result = await RunAsync(engines => engines with
        {
            State = TamperedPort.Around(engines.State, (method, arguments) =>
                method != nameof(ICellState.PublishAsync) || ServerMessage.Decode((ReadOnlyMemory<byte>)arguments[1]!) is not Hint),
            Store = TamperedPort.Around(engines.Store, (method, arguments) =>
                method != nameof(IMessageStore.WriteDeliveredAsync) || arguments[0] is not DeliveredBatch { Rows.Count: > 0 } || Interlocked.Increment(ref count) % 25 != 0),
        });
        Assert.Equal(Ending.ProductFailed, result.Ending);
        Assert.Equal(1, ResultTable.ExitCode([result]));
    }

    private async Task<ScenarioResult> RunAsync(Func<CellEngines, CellEngines> wrap)
    {
        var scenario = new StepScenario(Treatment.Crash, "delivery") { Wrap = wrap, RecoveryBound = TimeSpan.FromSeconds(15) };
        var results = await ChaosRun.RunAsync([scenario], new ChaosOptions { Seed = 7, IsShort = true, Artifacts = folder }, output, CancellationToken.None);
        return Assert.Single(results);
    }
}
