using System.Net;
using System.Net.WebSockets;
using System.Text;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Connections;

/// <summary>How a connection comes from HTTP to a socket's session, whatever its head looks like and however it comes in.</summary>
public sealed class HandoverTests : IAsyncLifetime
{
    private static readonly byte[] Heartbeat = RawHttp.Frame(TestSocket.Frame("heartbeat", new { }));
    private TestCell cell = null!;
    private TestUser anna = null!;

    public async Task InitializeAsync()
    {
        cell = await TestCell.StartAsync();
        anna = await cell.SignUpAsync("anna");
    }

    public async Task DisposeAsync() => await cell.DisposeAsync();

    private string Upgrade => RawHttp.Upgrade(cell.Public, anna.Token);

    [Fact]
    public async Task Upgrade_ByteByByte_OpensASocket()
    {
        await using var http = await RawHttp.ConnectAsync(cell.Public);
        foreach (var one in Encoding.ASCII.GetBytes(Upgrade)) await http.SendAsync([one]);
        var (status, head) = await http.AnswerAsync();
        Assert.Equal(101, status);
        // The answer to that key by RFC 6455.
        Assert.Contains("Sec-WebSocket-Accept: " + Convert.ToBase64String(System.Security.Cryptography.SHA1.HashData("AAECAwQFBgcICQoLDA0ODw==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"u8)) + "\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Sec-WebSocket-Protocol: chat.cells.v1\r\n", head, StringComparison.Ordinal);
        await using var socket = http.Socket();
        await socket.SettleAsync();
    }

    [Fact]
    public async Task Upgrade_CutAnywhereWithAFrameBehindIt_OpensASocketThatAnswersTheFrame()
    {
        byte[] all = [.. Encoding.ASCII.GetBytes(Upgrade), .. Heartbeat];
        var cuts = Gen.Choose(1, all.Length - 1).ListOf().Select(at => at.Distinct().Order().ToArray()).ToArbitrary();
        // On the pool: the check blocks its thread, which must not be one that the cell's work comes back to.
        await Task.Run(() => Prop.ForAll(cuts, async at =>
        {
            await using var http = await RawHttp.ConnectAsync(cell.Public);
            var from = 0;
            foreach (var to in (int[])[.. at, all.Length])
            {
                await http.SendAsync(all[from..to]);
                from = to;
            }
            var (status, _) = await http.AnswerAsync();
            await using var socket = http.Socket();
            await socket.ReceiveAsync("heartbeat");
            return status == 101;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(25)));
    }

    [Fact]
    public async Task Upgrade_AsSecondRequestOfAConnection_OpensASocket()
    {
        await using var http = await RawHttp.ConnectAsync(cell.Public);
        await http.SendAsync($"GET /healthz HTTP/1.1\r\nHost: {cell.Public.Authority}\r\n\r\n");
        var (first, head) = await http.AnswerAsync();
        Assert.Equal(200, first);
        await http.BodyAsync(head);
        await http.SendAsync([.. Encoding.ASCII.GetBytes(Upgrade), .. Heartbeat]);
        Assert.Equal(101, (await http.AnswerAsync()).Status);
        await using var socket = http.Socket();
        await socket.ReceiveAsync("heartbeat");
    }

    [Fact]
    public async Task Upgrade_RefusedAndTriedAgainOnTheSameConnection_OpensASocket()
    {
        await using var http = await RawHttp.ConnectAsync(cell.Public);
        await http.SendAsync(RawHttp.Upgrade(cell.Public, anna.Token, key: "short"));
        var (status, head) = await http.AnswerAsync();
        Assert.Equal(426, status);
        Assert.Contains(ErrorCodes.BadRequest, await http.BodyAsync(head), StringComparison.Ordinal);
        await http.SendAsync(Upgrade);
        Assert.Equal(101, (await http.AnswerAsync()).Status);
        await using var socket = http.Socket();
        await socket.SettleAsync();
    }

    [Theory]
    [InlineData("absolute-form", 101)]
    [InlineData("percent-encoded", 101)]
    [InlineData("query", 101)]
    [InlineData("another path", 404)]
    [InlineData("POST", 404)]
    [InlineData("no key", 426)]
    [InlineData("short key", 426)]
    [InlineData("version 12", 426)]
    [InlineData("no version", 426)]
    [InlineData("HTTP/1.0", 426)]
    [InlineData("no such version of HTTP", 505)]
    [InlineData("line too long", 414)]
    [InlineData("head too large", 431)]
    [InlineData("too many headers", 431)]
    [InlineData("no line", 400)]
    public async Task Upgrade_WithAnotherHead_IsAnsweredAsHttpSays(string kind, int expected)
    {
        await using var http = await RawHttp.ConnectAsync(cell.Public);
        await http.SendAsync(kind switch
        {
            "absolute-form" => RawHttp.Upgrade(cell.Public, anna.Token, target: $"http://{cell.Public.Authority}/v1/ws"),
            "percent-encoded" => RawHttp.Upgrade(cell.Public, anna.Token, target: "/v1/%77s"),
            "query" => RawHttp.Upgrade(cell.Public, anna.Token, target: "/v1/ws?a=b"),
            "another path" => RawHttp.Upgrade(cell.Public, anna.Token, target: "/v1/wss"),
            "POST" => RawHttp.Upgrade(cell.Public, anna.Token, method: "POST"),
            "no key" => RawHttp.Upgrade(cell.Public, anna.Token, key: null),
            "short key" => RawHttp.Upgrade(cell.Public, anna.Token, key: "AAAA"),
            "version 12" => RawHttp.Upgrade(cell.Public, anna.Token, socketVersion: "12"),
            "no version" => RawHttp.Upgrade(cell.Public, anna.Token, socketVersion: null),
            "HTTP/1.0" => RawHttp.Upgrade(cell.Public, anna.Token, version: "HTTP/1.0"),
            "no such version of HTTP" => RawHttp.Upgrade(cell.Public, anna.Token, version: "HTTP/1.7"),
            "line too long" => RawHttp.Upgrade(cell.Public, anna.Token, target: "/v1/ws?" + new string('a', 20_000)),
            "head too large" => RawHttp.Upgrade(cell.Public, anna.Token, more: $"X-Filler: {new string('a', 40_000)}\r\n"),
            "too many headers" => RawHttp.Upgrade(cell.Public, anna.Token, more: string.Concat(Enumerable.Range(0, 200).Select(i => $"X-{i}: 1\r\n"))),
            _ => "hello\r\n\r\n",
        });
        Assert.Equal(expected, (await http.AnswerAsync()).Status);
    }

    [Fact]
    public async Task Upgrade_WithARefusedToken_IsAcceptedAndClosedAndGivesItsPlaceBack()
    {
        await using var small = await TestCell.StartAsync(o => o with { MaxConnections = 1 });
        var bob = await small.SignUpAsync("bob");
        await using (var http = await RawHttp.ConnectAsync(small.Public))
        {
            await http.SendAsync(RawHttp.Upgrade(small.Public, "abc.def.ghi"));
            Assert.Equal(101, (await http.AnswerAsync()).Status);
            await using var refused = http.Socket();
            Assert.Equal(CloseCodes.Unauthorized, (await refused.ClosedAsync()).Code);
        }
        await using (var only = await UntilOpenAsync(small, bob))
        {
            await only.SettleAsync();
            Assert.Equal(503, (await Assert.ThrowsAsync<RefusedException>(() => small.OpenAsync(bob))).Status);
        }
        await using var next = await UntilOpenAsync(small, bob);
        await next.SettleAsync();
    }

    private static async Task<TestSocket> UntilOpenAsync(TestCell cell, TestUser user)
    {
        TestSocket? socket = null;
        await Poll.UntilAsync(
            async () =>
            {
                try
                {
                    socket = await cell.OpenAsync(user);
                    return true;
                }
                catch (RefusedException e) when (e.Status == 503)
                {
                    return false; // the one before hasn't ended yet
                }
            },
            "there is a place");
        return socket!;
    }

    [Fact]
    public async Task Connection_ResetInTheHeadOrRightAfterIt_HurtsNobodyElse()
    {
        var head = Encoding.ASCII.GetBytes(Upgrade);
        for (var i = 0; i < 20; i++)
        {
            await using var http = await RawHttp.ConnectAsync(cell.Public);
            await http.SendAsync(i % 2 == 0 ? head[..(10 + i)] : head);
            http.Reset();
        }
        await using var socket = await cell.ConnectAsync(anna);
        await socket.SettleAsync();
        var registry = cell.Services.GetRequiredService<ConnectionRegistry>();
        await Poll.UntilAsync(() => registry.Count == 1, "only the open socket is left");
    }

    /// <summary>Kestrel's own limit of 30 s, which needs the beats that the handover passes on.</summary>
    [Fact]
    public async Task Head_NeverCompleted_IsGivenUp()
    {
        await using var http = await RawHttp.ConnectAsync(cell.Public);
        await http.SendAsync(Upgrade[..^10]);
        Assert.Equal(408, (await http.AnswerAsync()).Status);
    }

    [Fact]
    public async Task Handshake_UnderWayWhenTheServerStops_IsClosedWith4013()
    {
        var folder = TestCell.NewFolder();
        var real = await CellEngines.OpenEmbeddedAsync(Path.Combine(folder, "data"), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        await using (var engines = real)
        {
            var state = new LossyState(real.State);
            var stopping = await TestCell.StartAsync(null, real with { State = state }, folder);
            var bob = await stopping.SignUpAsync("bob");
            using var response = await stopping.PostAsync("/v1/tickets", bob.Token, null);
            var ticket = (string)(await TestCell.ReadAsync(response, 201))["ticket"]!;
            var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            state.BeforeTakeOnce = () =>
            {
                asked.TrySetResult();
                return go.Task;
            };
            var connecting = TestSocket.ConnectAsync(stopping.Public, null, null, "chat.cells.v1", "ticket." + ticket);
            await asked.Task;
            var drain = stopping.Services.GetRequiredService<Drain>();
            var stop = stopping.StopAsync();
            await Poll.UntilAsync(() => drain.IsDraining, "the server drains");
            go.SetResult();
            await using (var socket = await connecting) Assert.Equal(CloseCodes.Draining, (await socket.ClosedAsync()).Code);
            await stop;
            await stopping.DisposeAsync();
        }
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Socket_WhileItIsOpen_HoldsNothingOfItsRequest()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, ConnectionHandover.Use));
        await using var app = builder.Build();
        var request = new TaskCompletionSource<WeakReference>(TaskCreationOptions.RunContinuationsAsynchronously);
        app.MapGet("/v1/ws", (Delegate)(async (HttpContext context) =>
        {
            // Kestrel's connection of HTTP itself.
            var http = new WeakReference(context.Features.Get<IHttpRequestFeature>());
            await WebSocketUpgrade.AcceptAsync(context, "chat.cells.v1", async (socket, connection) =>
            {
                request.SetResult(http);
                var result = await socket.ReceiveAsync(new byte[16], connection.ConnectionClosed);
                await socket.SendAsync("hello"u8.ToArray(), result.MessageType, endOfMessage: true, connection.ConnectionClosed);
            });
        }));
        await app.StartAsync();
        using var client = new ClientWebSocket();
        client.Options.AddSubProtocol("chat.cells.v1");
        await client.ConnectAsync(TestSocket.AddressOf(new Uri(app.Urls.Single())), CancellationToken.None);
        var seen = await request.Task;
        await Poll.UntilAsync(
            () =>
            {
                GC.Collect();
                return !seen.IsAlive;
            },
            "what HTTP held is garbage");
        await client.SendAsync("hi"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        Assert.Equal(5, (await client.ReceiveAsync(new byte[16], CancellationToken.None)).Count);
    }
}
