using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.Cells.Chaos.Network;

namespace Chat.Cells.Chaos.Tests;

public sealed class FaultProxyTests : IAsyncLifetime
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private readonly Socket server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private FaultProxy proxy = null!;

    public Task InitializeAsync()
    {
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        server.Listen(10);
        proxy = FaultProxy.Start("test", (IPEndPoint)server.LocalEndPoint!);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await proxy.DisposeAsync();
        server.Dispose();
    }

    [Fact]
    public async Task None_BytesPassBothWaysAndSoDoesTheEnd()
    {
        var (near, far) = await ConnectAsync();
        await SendAsync(near, "hello");
        Assert.Equal("hello", await ReceiveAsync(far));
        await SendAsync(far, "you too");
        Assert.Equal("you too", await ReceiveAsync(near));
        near.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await ReceiveAsync(far));
    }

    [Fact]
    public async Task Cut_OpenAndNewConnectionsAreReset_HealedNewOnesPass()
    {
        var (near, far) = await ConnectAsync();
        proxy.Break(LinkFault.Cut);
        await Assert.ThrowsAsync<SocketException>(() => ReceiveAsync(near));
        await Assert.ThrowsAsync<SocketException>(() => ReceiveAsync(far));
        using var refused = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            await refused.ConnectAsync(IPAddress.Loopback, proxy.Port).WaitAsync(Bound);
            await ReceiveAsync(refused);
        });
        proxy.Heal();
        var (again, there) = await ConnectAsync();
        await SendAsync(again, "back");
        Assert.Equal("back", await ReceiveAsync(there));
    }

    [Fact]
    public async Task Silent_NothingPassesUntilHealed_ThenWhatWasUnderWay()
    {
        var (near, far) = await ConnectAsync();
        proxy.Break(LinkFault.Silent);
        await SendAsync(near, "late");
        var receiving = ReceiveAsync(far);
        await Task.WhenAny(receiving, Task.Delay(200));
        Assert.False(receiving.IsCompleted);
        proxy.Heal();
        Assert.Equal("late", await receiving);
    }

    [Fact]
    public async Task Slow_BytesPassLate()
    {
        var (near, far) = await ConnectAsync();
        proxy.Delay = TimeSpan.FromMilliseconds(250);
        proxy.Break(LinkFault.Slow);
        var start = TimeProvider.System.GetTimestamp();
        await SendAsync(near, "slow");
        Assert.Equal("slow", await ReceiveAsync(far));
        Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(240));
    }

    [Fact]
    public async Task HalfOpen_FarSideIsReset_NearSideHearsNothingUntilHealed()
    {
        var (near, far) = await ConnectAsync();
        proxy.Break(LinkFault.HalfOpen);
        await Assert.ThrowsAsync<SocketException>(() => ReceiveAsync(far));
        await SendAsync(near, "into nothing");
        var receiving = ReceiveAsync(near);
        await Task.WhenAny(receiving, Task.Delay(200));
        Assert.False(receiving.IsCompleted);
        proxy.Heal();
        await Assert.ThrowsAsync<SocketException>(() => receiving);
    }

    [Fact]
    public async Task NoTarget_ConnectionIsReset()
    {
        proxy.Target = null;
        using var near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            await near.ConnectAsync(IPAddress.Loopback, proxy.Port).WaitAsync(Bound);
            await ReceiveAsync(near);
        });
    }

    private static async Task SendAsync(Socket socket, string text) => await socket.SendAsync(Encoding.UTF8.GetBytes(text));

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[100];
        using var bound = new CancellationTokenSource(Bound);
        return Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, bound.Token));
    }

    private async Task<(Socket Near, Socket Far)> ConnectAsync()
    {
        var near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var accepting = server.AcceptAsync();
        await near.ConnectAsync(IPAddress.Loopback, proxy.Port).WaitAsync(Bound);
        return (near, await accepting.WaitAsync(Bound));
    }
}
