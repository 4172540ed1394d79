using Chat.Cells.Cell.Engines.Memory;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Contracts;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>The contract on memory.</summary>
[ContractSuite(nameof(ICellState), "memory")]
public sealed class MemoryCellStateTests : CellStateContract
{
    private readonly FakeTime time = new(DateTimeOffset.UnixEpoch.AddDays(20_000));
    private MemoryCellState? state;

    protected override ValueTask<ICellState> OpenAsync() => new(state = new MemoryCellState(time));

    protected override ValueTask CloseAsync() => state!.DisposeAsync();

    protected override Task PassAsync(TimeSpan time)
    {
        this.time.Advance(time);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Sweep_OfWhatHasExpired_LeavesTheRest()
    {
        var users = Enumerable.Range(0, 100).Select(i => $"u{i}").ToList();
        await State.RegisterAsync("s1", users, TimeSpan.FromSeconds(30), default);
        await State.RegisterAsync("s1", users[..50], TimeSpan.FromMinutes(5), default);
        await State.PutOnceAsync("kept", "value", TimeSpan.FromMinutes(5), default);
        Assert.Equal(TimeSpan.Zero, await State.TakeTokenAsync("empty", 1, 0.001, default));

        time.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal(50, (await State.FindServersAsync(users, default)).Count(servers => servers.Count == 1));
        Assert.Equal("value", await State.TakeOnceAsync("kept", default));
        Assert.NotEqual(TimeSpan.Zero, await State.TakeTokenAsync("empty", 1, 0.001, default));
        await State.RegisterAsync("s2", users, TimeSpan.FromMinutes(5), default);
        Assert.Equal(50, (await State.FindServersAsync(users, default)).Count(servers => servers.Count == 2));
    }
}
