using System.Globalization;
using System.Text.RegularExpressions;
using Chat.Cells.Cell.Engines.Redis;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using StackExchange.Redis;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>Unread sets of somebody who is in more channels than go in one call.</summary>
[Needs(Needed.RedisServer)]
public sealed partial class RedisRebuildTests : IAsyncLifetime
{
    private const int Channels = 40;

    /// <summary>Of about 4,300 that there are.</summary>
    private const int MostArguments = 2_200;

    private static readonly InboxCursor At = new(1, 2, 3);
    private RedisServer server = null!;
    private RedisCellState state = null!;

    public async Task InitializeAsync()
    {
        // The slow log, which here has every command, also those of scripts, says of each how many arguments it had.
        server = await RedisServer.StartAsync(null, "--slowlog-log-slower-than", "0", "--slowlog-max-len", "20000");
        state = await RedisCellStateContract.ConnectAsync(server.Endpoint);
    }

    public async Task DisposeAsync()
    {
        await state.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Rebuild_OfManyFullChannels_IsWholeAndInCallsOfBoundedSize()
    {
        await state.BeginUnreadAsync("a", At, "token", default);
        Assert.True(await state.CompleteUnreadAsync("a", "token", Full(Channels), default));

        var counts = (await state.GetUnreadAsync(["a"], default))[0]!;
        Assert.Equal(At, counts.Cursor);
        Assert.Equal(
            Enumerable.Range(0, Channels).Select(i => new ChannelUnread(Channel(i), UnreadLimits.Cap, Id(0))),
            counts.Channels.OrderBy(c => c.ChannelId, StringComparer.Ordinal));

        var calls = await CallsAsync();
        Assert.InRange(calls.Max(), UnreadLimits.Cap, MostArguments);
        Assert.InRange(calls.Where(c => c > UnreadLimits.Cap).Sum(), Channels * UnreadLimits.Cap, int.MaxValue); // the log has all of them
    }

    [Fact]
    public async Task Rebuild_AnotherBeginsInBetween_EndsAndKeepsNothingOfIt()
    {
        await state.BeginUnreadAsync("a", At, "first", default);
        var overtaken = new Overtaken(Full(Channels), Channels - 1, () => state.BeginUnreadAsync("a", At, "second", default).AsTask());
        Assert.False(await state.CompleteUnreadAsync("a", "first", overtaken, default));
        await overtaken.Done;

        Assert.Null((await state.GetUnreadAsync(["a"], default))[0]);
        Assert.True(await state.CompleteUnreadAsync("a", "second", [], default));
        Assert.Empty((await state.GetUnreadAsync(["a"], default))[0]!.Channels);
    }

    [Fact]
    public async Task Rebuild_MessagesComeInBetween_AreAdded()
    {
        await state.BeginUnreadAsync("a", At, "token", default);
        var next = At with { Offset = At.Offset + 1 };
        UnreadChange[] news = [.. new[] { 0, Channels - 1 }.Select(i => new UnreadChange(Channel(i), false, [new UnreadMessage(Id(500), next)]))];
        var overtaken = new Overtaken(Full(Channels, 90), Channels - 1, () => state.ApplyUnreadAsync([new UnreadUpdate("a", At, next, news)], default).AsTask());
        Assert.True(await state.CompleteUnreadAsync("a", "token", overtaken, default));
        await overtaken.Done;

        var counts = (await state.GetUnreadAsync(["a"], default))[0]!;
        Assert.Equal(next, counts.Cursor);
        Assert.Equal(
            Enumerable.Range(0, Channels).Select(i => i is 0 or Channels - 1 ? 91 : 90), counts.Channels.OrderBy(c => c.ChannelId, StringComparer.Ordinal).Select(c => c.Count));
    }

    private static string Channel(int number) => string.Create(CultureInfo.InvariantCulture, $"g:eu-west-1.{number:D26}");

    private static Ulid Id(int number) => new(BitConverter.GetBytes(number).Reverse().Concat(new byte[12]).ToArray());

    private static UnreadIds[] Full(int channels, int messages = UnreadLimits.Cap) =>
        [.. Enumerable.Range(0, channels).Select(i => new UnreadIds(Channel(i), [.. Enumerable.Range(1, messages).Select(m => new UnreadMessage(Id(m), At))], ReadMark.Of(Id(0), null)))];

    /// <summary>How many arguments each command since the start had.</summary>
    private async Task<List<int>> CallsAsync()
    {
        using var admin = await ConnectionMultiplexer.ConnectAsync($"{server.Endpoint},allowAdmin=true");
        var commands = await admin.GetServer(server.Endpoint).SlowlogGetAsync(20_000);
        // The log keeps the first arguments, and a text that counts the others in place of the last.
        return [.. commands.Select(c => More().Match((string)c.Arguments[^1]!) is { Success: true } more ? c.Arguments.Length - 1 + int.Parse(more.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : c.Arguments.Length)];
    }

    [GeneratedRegex(@"\((\d+) more arguments\)$")]
    private static partial Regex More();

    /// <summary>Channels of which the reader is overtaken before it has one of them: it is then between two calls.</summary>
    private sealed class Overtaken(IReadOnlyList<UnreadIds> channels, int at, Func<Task> what) : IReadOnlyList<UnreadIds>
    {
        public Task Done { get; private set; } = Task.CompletedTask;

        public int Count => channels.Count;

        public UnreadIds this[int index]
        {
            get
            {
                if (index == at) Done = what();
                return channels[index];
            }
        }

        public IEnumerator<UnreadIds> GetEnumerator() => channels.GetEnumerator();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
