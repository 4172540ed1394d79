using System.Collections.Concurrent;
using System.Text;
using Chat.Cells.Cell.Engines.Redis;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>The password changes, at the server and in the secret, in either order.</summary>
[Needs(Needed.RedisServer)]
public sealed class RedisPasswordChangeTests : IAsyncLifetime
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly ConcurrentQueue<string> received = new();
    private RedisServer server = null!;
    private string password = "first";

    public async Task InitializeAsync() => server = await RedisServer.StartAsync(password);

    public async Task DisposeAsync() => await server.DisposeAsync();

    [Fact]
    public async Task Password_ChangedAtTheServerThenInTheSecret_TheSameStateWorksAgainWithItsSubscriptions()
    {
        await using var state = await ConnectAsync();
        await using var subscription = await state.SubscribeAsync("server-1", message => received.Enqueue(Encoding.UTF8.GetString(message.Span)), default);
        await using (await state.SubscribeAsync("server-2", _ => received.Enqueue("to one that ended"), default)) await state.RegisterAsync("server-1", ["anna"], Minute, default);

        await server.ChangePasswordAsync("second");
        await Poll.UntilAsync(async () => !await WorksAsync(state), "the old password is refused");
        Volatile.Write(ref password, "second");
        await Poll.UntilAsync(async () => await WorksAsync(state), "the new password is used");

        Assert.Equal(["server-1"], (await state.FindServersAsync(["anna"], default))[0]);
        await Poll.UntilAsync(
            async () =>
            {
                // One may be lost: with a connection that is made again just now.
                await state.PublishAsync("server-2", "b"u8.ToArray(), default);
                await state.PublishAsync("server-1", "a"u8.ToArray(), default);
                return !received.IsEmpty;
            },
            "the subscription receives");
        Assert.Equal(["a"], received.Distinct());
    }

    [Fact]
    public async Task Password_ChangedInTheSecretFirst_TheOldConnectionsAreKeptUntilTheServerTakesIt()
    {
        var reads = 0;
        await using var state = await ConnectAsync(() => Interlocked.Increment(ref reads));
        Volatile.Write(ref password, "second");
        var before = Volatile.Read(ref reads);
        await Poll.UntilAsync(
            async () =>
            {
                await state.RegisterAsync("server-1", ["anna"], Minute, default);
                return Volatile.Read(ref reads) > before + 3;
            },
            "the secret is read several times");

        await server.ChangePasswordAsync("second");

        await Poll.UntilAsync(async () => await WorksAsync(state), "the new password is used");
    }

    private static async ValueTask<bool> WorksAsync(RedisCellState state)
    {
        try
        {
            await state.FindServersAsync(["anna"], default);
            return true;
        }
        catch (CellStateException)
        {
            return false;
        }
    }

    private Task<RedisCellState> ConnectAsync(Action? onRead = null) => RedisCellState.ConnectAsync(
        new RedisOptions
        {
            Endpoints = server.Endpoint,
            Password = password,
            Prefix = "test:",
            SigningKey = RedisCellStateContract.Key,
            Timeout = TimeSpan.FromSeconds(5),
            SecretInterval = TimeSpan.FromMilliseconds(200),
            ReadPassword = () =>
            {
                onRead?.Invoke();
                return Volatile.Read(ref password);
            },
        },
        NullLogger<RedisCellState>.Instance);
}
