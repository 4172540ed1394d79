using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Cell.Tests.Unread;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>Unread counts over two gateways with one Redis between them. Bob has a device on each; delivery runs with the first.</summary>
public sealed class RedisUnreadTests : TwoGatewaysTest
{
    private TestUser bobAgain = null!;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        bobAgain = await First.LogInAsync("bob");
    }

    [Fact]
    public async Task Read_OnTheOtherGateway_ResetsThisOne()
    {
        await using var sender = await First.ConnectAsync(Anna);
        await using var here = await First.ConnectAsync(Bob);
        await using var there = await Second.ConnectAsync(bobAgain);
        var ids = await UnreadTests.SendAsync(sender, Channel, 3);
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, Channel, 3);

        await there.SendAsync("read_receipt", new { channelId = Channel, lastReadMessageId = ids[1] });
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, Channel, 1);
        await here.SendAsync("read_receipt", new { channelId = Channel, lastReadMessageId = ids[2] });
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, Channel, 0);
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(First, Bob));
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(Second, Bob));
    }

    [Fact]
    public async Task Gateway_GoneAndStartedAgain_TellsTheSameCounts()
    {
        await using var sender = await First.ConnectAsync(Anna);
        await using (var there = await Second.ConnectAsync(bobAgain))
        {
            await UnreadTests.SendAsync(sender, Channel, 2);
            await UnreadTests.UntilCountAsync(there, Channel, 2);
        }
        await Second.DisposeAsync();
        await UnreadTests.SendAsync(sender, Channel, 2, "meanwhile");
        await StartSecondAsync();

        await using var again = await Second.ConnectAsync(bobAgain);
        UnreadTests.AssertCounts(await again.PayloadAsync("unread"), (Channel, 4));
    }

    [Fact]
    public async Task Late_BelowTheReadPointer_CountsUntilItIsRead_AlsoAfterRedisWasFlushed()
    {
        await using var cells = await BridgedCells.StartAsync(o => o with { State = "redis", Redis = Redis.Endpoint, TickInterval = TimeSpan.FromMilliseconds(500) });
        await LateMessageTests.RunAsync(cells, async () => Assert.StartsWith("+OK", await Redis.AskAsync("FLUSHALL"), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Gateway_ThatCannotReachRedis_TellsWhatTheStoreKnows()
    {
        await using var sender = await First.ConnectAsync(Anna);
        await using var here = await First.ConnectAsync(Bob);
        await using var there = await Second.ConnectAsync(bobAgain);
        await UnreadTests.SendAsync(sender, Channel, 1);
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, Channel, 1);

        SecondState.Fails = true;
        await UnreadTests.SendAsync(sender, Channel, 1, "cut-off");
        await UnreadTests.UntilCountAsync(here, Channel, 2);
        await UnreadTests.UntilCountAsync(there, Channel, 2);

        // Redis is emptied while it is cut off: whoever asks first fills it again, also for the other.
        await Redis.AskAsync("FLUSHALL");
        SecondState.Fails = false;
        await UnreadTests.SendAsync(sender, Channel, 1, "back");
        foreach (var device in new[] { here, there }) await UnreadTests.UntilCountAsync(device, Channel, 3);
        UnreadTests.AssertCounts(await UnreadTests.UnreadAsync(Second, Bob), (Channel, 3));
    }
}
