using Cassandra;
using Chat.Cells.Cell.Engines.Cassandra;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

public sealed class LightweightTransactionTests
{
    private static readonly WriteTimeoutException TimedOut = new("timed out", ConsistencyLevel.LocalSerial, 0, 1, "CAS");

    private readonly LightweightTransactions transactions = new(TimeProvider.System);

    [Fact]
    public async Task Decide_OutcomeOpen_TriesAgainAndSaysSo()
    {
        var told = new List<bool>();

        var outcome = await transactions.DecideAsync<int>(
            "p",
            maybeApplied =>
            {
                told.Add(maybeApplied);
                return told.Count < 3 ? throw TimedOut : Task.FromResult<Decision<int>>(7);
            },
            default);

        Assert.Equal(7, outcome);
        Assert.Equal([false, true, true], told);
    }

    [Fact]
    public async Task Decide_NotDecided_TriesAgainWithoutDoubt()
    {
        var told = new List<bool>();

        await transactions.DecideAsync<bool>(
            "p",
            maybeApplied =>
            {
                told.Add(maybeApplied);
                return Task.FromResult(told.Count < 2 ? Decision<bool>.Again : true);
            },
            default);

        Assert.Equal([false, false], told);
    }

    [Fact]
    public async Task Decide_CertainlyNotApplied_IsTheCallersAtOnce()
    {
        var attempts = 0;

        await Assert.ThrowsAsync<UnavailableException>(() => transactions.DecideAsync<bool>(
            "p",
            _ =>
            {
                attempts++;
                throw new UnavailableException("Cannot achieve consistency level", ConsistencyLevel.LocalSerial, 2, 1);
            },
            default));

        Assert.Equal(1, attempts);
    }

    [Fact]
    public async Task Decide_CertainlyNotAppliedAfterOneThatMayHaveBeen_TriesAgain()
    {
        var told = new List<bool>();

        var outcome = await transactions.DecideAsync<int>(
            "p",
            maybeApplied =>
            {
                told.Add(maybeApplied);
                return told.Count switch
                {
                    1 => throw TimedOut,
                    2 => throw new UnavailableException("Cannot achieve consistency level", ConsistencyLevel.LocalSerial, 2, 1),
                    _ => Task.FromResult<Decision<int>>(7),
                };
            },
            default);

        Assert.Equal(7, outcome);
        Assert.Equal([false, true, true], told);
    }

    [Fact]
    public async Task Decide_NeverDecided_GivesUpAndSaysThatTheOutcomeIsOpen()
    {
        var error = await Assert.ThrowsAsync<StoreException>(() => transactions.DecideAsync<bool>("p", _ => throw TimedOut, default));

        Assert.Contains("isn't known", error.Message, StringComparison.Ordinal);
        Assert.Contains("timed out", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Decide_SamePartition_TakesTurns()
    {
        var running = 0;
        var most = 0;

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => transactions.DecideAsync<bool>(
            "p",
            async _ =>
            {
                most = Math.Max(most, Interlocked.Increment(ref running));
                await Task.Yield();
                Interlocked.Decrement(ref running);
                return true;
            },
            default)));

        Assert.Equal(1, most);
    }

    [Fact]
    public async Task Decide_Cancelled_FreesItsTurn()
    {
        using var cancelled = new CancellationTokenSource();
        var waiting = transactions.DecideAsync<bool>("p", _ => Task.FromResult(Decision<bool>.Again), cancelled.Token);
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.True(await transactions.DecideAsync<bool>("p", _ => Task.FromResult<Decision<bool>>(true), default));
    }
}
