using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Cell.Tests.Presence;

/// <summary>Two cells: anna lives in the first, bob in the second. The channel that they share is in both stores, as a bridge would have left it.</summary>
public sealed class PeerPresenceTests : IAsyncLifetime
{
    private readonly string folder = TestCell.NewFolder();
    private readonly Uri[] urls = [.. FreePorts(4).Select(p => new Uri($"http://127.0.0.1:{p}"))];
    private TestCell first = null!;
    private TestCell second = null!;
    private TestUser anna = null!;
    private TestUser bob = null!;
    private string channel = null!;

    public async Task InitializeAsync()
    {
        var one = Prepare("eu-west-1");
        var two = Prepare("us-east-1");
        Share("eu-west-1", "us-east-1");
        Share("us-east-1", "eu-west-1");
        CellMapFile.Write(Path.Combine(folder, "cells.json"), CellMap.Create(
            1,
            [Entry("eu-west-1", 1, "eu-west", urls[0], urls[1], one), Entry("us-east-1", 2, "us-east", urls[2], urls[3], two)],
            new Dictionary<string, IReadOnlyList<HandleShardRange>> { ["eu-west"] = [new(0, 255, "eu-west-1")], ["us-east"] = [new(0, 255, "us-east-1")] },
            new Dictionary<string, int> { ["eu-west-1"] = 1, ["us-east-1"] = 2 }));
        first = await StartFirstAsync();
        second = await StartSecondAsync();
        anna = await first.SignUpAsync("anna");
        bob = await second.SignUpAsync("bob");
        channel = ChannelId.ForDirect(anna.UserId, bob.UserId);
        await PutChannelAsync(first);
        await PutChannelAsync(second);
    }

    public async Task DisposeAsync()
    {
        await first.DisposeAsync();
        await second.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Presence_OfAUserInAnotherCell_IsShownAndFollowed()
    {
        await using var viewer = await first.ConnectAsync(anna);
        await viewer.SubscribeAsync(bob.UserId);
        Assert.Equal("offline", (await viewer.SeesAsync(bob.UserId)).Status);

        await using var device = await second.ConnectAsync(bob);
        var online = await viewer.SeesAsync(bob.UserId, "online", "desktop");
        Assert.NotNull(online.LastActiveAt);
        await device.AwayAsync();
        await viewer.SeesAsync(bob.UserId, "away", "desktop");
        await device.LeaveAsync();
        await viewer.SeesAsync(bob.UserId, "offline");

        // The stream is open now: another view is answered from it.
        await using var again = await second.ConnectAsync(bob);
        await using var other = await first.ConnectAsync(await first.LogInAsync("anna"));
        await other.SubscribeAsync(bob.UserId);
        await other.SeesAsync(bob.UserId, "online", "desktop");
    }

    [Fact]
    public async Task Presence_StreamCutAndHealed_IsRightAgain()
    {
        await using var viewer = await first.ConnectAsync(anna);
        var device = await second.ConnectAsync(bob);
        await viewer.SubscribeAsync(bob.UserId);
        await viewer.SeesAsync(bob.UserId, "online", "desktop");

        await second.DisposeAsync();
        await viewer.SeesAsync(bob.UserId, "offline"); // its cell wasn't reached for as long as a server's word holds
        await device.DisposeAsync();
        second = await StartSecondAsync();
        await using var back = await second.ConnectAsync(bob);
        await viewer.SeesAsync(bob.UserId, "online", "desktop");
        await back.AwayAsync();
        await viewer.SeesAsync(bob.UserId, "away", "desktop");
    }

    [Fact]
    public async Task View_Ended_IsEndedInTheOtherCellToo()
    {
        await using var viewer = await first.ConnectAsync(anna);
        await viewer.SubscribeAsync(bob.UserId);
        await viewer.SeesAsync(bob.UserId);
        await Eventually.TrueAsync(() => Views(second).Count == 1, "the second cell has a view");
        await viewer.SubscribeAsync();
        await Eventually.TrueAsync(() => Views(second).Count == 0, "and then none");
    }

    [Fact]
    public async Task Typing_InASharedChannel_CrossesCellsBothWays()
    {
        await using var one = await first.ConnectAsync(anna);
        await using var other = await second.ConnectAsync(bob);
        await one.TypeAsync(channel);
        var typing = await other.PayloadAsync("typing");
        Assert.Equal((channel, anna.UserId, true), ((string)typing["channelId"]!, (string)typing["userId"]!, (bool)typing["typing"]!));
        await one.TypeAsync(channel, typing: false);
        Assert.False((bool)(await other.PayloadAsync("typing"))["typing"]!);
        await other.TypeAsync(channel);
        Assert.Equal(bob.UserId, (string)(await one.PayloadAsync("typing"))["userId"]!);
    }

    [Fact]
    public async Task Stream_WithoutItsToken_IsRefused()
    {
        Assert.Equal(401, await RefusedAsync("us-east-1", null));
        Assert.Equal(401, await RefusedAsync("us-east-1", "guess"));
        var ofSecond = await File.ReadAllTextAsync(Path.Combine(folder, "eu-west-1", "secrets", "peer-us-east-1"));
        Assert.Equal(403, await RefusedAsync("eu-west-1", ofSecond));
        Assert.Equal(404, await RefusedAsync("no-such-cell", first.InternalToken));
        Assert.Equal(401, await RefusedAsync("us-east-1", anna.Token));
        using var plain = await first.SendAsync(HttpMethod.Get, first.Internal, "/internal/v1/peers/us-east-1/live", ofSecond);
        Assert.Equal(HttpStatusCode.UpgradeRequired, plain.StatusCode);
        using var open = await first.SendAsync(HttpMethod.Get, first.Public, "/internal/v1/peers/us-east-1/live", ofSecond);
        Assert.Equal(HttpStatusCode.NotFound, open.StatusCode);
    }

    [Fact]
    public async Task Peer_SpeakingForOthers_IsNotHeardAndSpeakingForItsOwnIs()
    {
        await using var receiver = await first.ConnectAsync(anna);
        using var peer = await OpenAsSecondAsync();
        var stranger = UserId.Create("us-east-1", Ulid.NewUlid());
        var other = await first.SignUpAsync("other");
        var elsewhere = await first.CreateDirectAsync(anna, other);

        await SayAsync(peer, $$"""{"type":"typing","typing":[{"channelId":"{{elsewhere}}","userId":"{{other.UserId}}","typing":true},{"channelId":"{{channel}}","userId":"{{stranger}}","typing":true},{"channelId":"x","userId":"{{bob.UserId}}","typing":true},null,{}]}""");
        await SayAsync(peer, $$"""{"type":"typing","typing":[{"channelId":"{{channel}}","userId":"{{bob.UserId}}","typing":true}]}""");

        Assert.Equal(bob.UserId, (string)(await receiver.PayloadAsync("typing"))["userId"]!);
        await receiver.SettleAsync();
        Assert.Empty(receiver.Kept("typing"));
    }

    [Fact]
    public async Task Peer_WatchingOthersUsersOrNone_GetsOnlyOurs()
    {
        await using var device = await first.ConnectAsync(anna);
        using var peer = await OpenAsSecondAsync();
        await SayAsync(peer, $$"""{"type":"watch","add":["{{bob.UserId}}","nobody",null,"{{anna.UserId}}"],"remove":["{{bob.UserId}}",null]}""");
        var answer = await HearAsync(peer, "presence");
        Assert.Contains(anna.UserId, answer, StringComparison.Ordinal);
        Assert.DoesNotContain(bob.UserId, answer, StringComparison.Ordinal);
        Assert.Equal(1, Views(first).Count);
        await SayAsync(peer, $$"""{"type":"watch","remove":["{{anna.UserId}}"]}""");
        await Eventually.TrueAsync(() => Views(first).Count == 0, "it is watched no longer");
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"type\":\"dance\"}")]
    [InlineData("{\"type\":\"watch\",\"add\":7}")]
    [InlineData("{\"type\":\"typing\",\"typing\":[7]}")]
    public async Task Peer_SayingNonsense_IsClosedAndTheServerGoesOn(string text)
    {
        using var peer = await OpenAsSecondAsync();
        await SayAsync(peer, text);
        Assert.Null(await HearAsync(peer, "presence"));
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, peer.CloseStatus);
        using var next = await OpenAsSecondAsync();
        await SayAsync(next, $$"""{"type":"watch","add":["{{anna.UserId}}"]}""");
        Assert.NotNull(await HearAsync(next, "presence"));
    }

    [Fact]
    public async Task Peer_WatchingMoreThanAFrameMay_IsClosed()
    {
        using var peer = await OpenAsSecondAsync();
        var users = string.Join(',', Enumerable.Repeat($"\"{anna.UserId}\"", PeerFrame.MaxUsers + 1));
        await SayAsync(peer, $$"""{"type":"watch","add":[{{users}}]}""");
        Assert.Null(await HearAsync(peer, "presence"));
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, peer.CloseStatus);
        Assert.Equal(0, Views(first).Count);
    }

    [Fact]
    public async Task Peer_SendingBinaryOrTooMuch_IsClosed()
    {
        using var binary = await OpenAsSecondAsync();
        await binary.SendAsync(new byte[] { 1 }, WebSocketMessageType.Binary, true, CancellationToken.None);
        Assert.Null(await HearAsync(binary, "presence"));
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, binary.CloseStatus);

        using var large = await OpenAsSecondAsync();
        await SayAsync(large, $$"""{"type":"ping","x":"{{new string('x', ProtocolLimits.MaxFrameBytes)}}"}""");
        Assert.Null(await HearAsync(large, "presence"));
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, large.CloseStatus);
    }

    [Fact]
    public void PeerPresence_ThatCannotBe_IsNotTaken()
    {
        Assert.Null(new PeerPresence(null!, PresenceStatus.Online, null, null).ToSnapshot());
        Assert.Null(new PeerPresence("a", (PresenceStatus)9, null, null).ToSnapshot());
        Assert.Null(new PeerPresence("a", PresenceStatus.Online, -1, null).ToSnapshot());
        Assert.Null(new PeerPresence("a", PresenceStatus.Online, 1, ["<script>"]).ToSnapshot());
        Assert.Null(new PeerPresence("a", PresenceStatus.Online, 1, [null!]).ToSnapshot());
        Assert.Null(new PeerPresence("a", PresenceStatus.Online, 1, [.. Enumerable.Repeat("web", 101)]).ToSnapshot());
        Assert.NotNull(new PeerPresence("a", PresenceStatus.Online, 1, ["web"]).ToSnapshot());
    }

    private static PresenceViews Views(TestCell cell) => cell.Services.GetRequiredService<PresenceViews>();

    private Uri StreamOf(string peer) => new($"ws://{first.Internal.Authority}/internal/v1/peers/{peer}/live");

    private async Task<int> RefusedAsync(string peer, string? token)
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (token is not null) socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(StreamOf(peer), CancellationToken.None));
        return (int)socket.HttpStatusCode;
    }

    private async Task<ClientWebSocket> OpenAsSecondAsync()
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + await File.ReadAllTextAsync(Path.Combine(folder, "us-east-1", "secrets", "to-eu-west-1")));
        await socket.ConnectAsync(StreamOf("us-east-1"), CancellationToken.None);
        return socket;
    }

    private static Task SayAsync(ClientWebSocket socket, string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);

    /// <summary>The next frame of a type; null after a close.</summary>
    private static async Task<string?> HearAsync(ClientWebSocket socket, string type)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(45));
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer, limit.Token);
            if (result.MessageType == WebSocketMessageType.Close) return null;
            var text = Encoding.UTF8.GetString(buffer, 0, result.Count);
            if (text.StartsWith($"{{\"type\":\"{type}\"", StringComparison.Ordinal)) return text;
        }
    }

    private async Task PutChannelAsync(TestCell cell)
    {
        var members = new[] { anna, bob }.Select(u => new MemberInterval(u.UserId, MemberRole.Member, 0, null, 1)).ToList();
        var row = new ChannelRow(channel, ChannelType.Direct, null, "eu-west-1", 1, 0, 1, members);
        await cell.Services.GetRequiredService<IMessageStore>().WriteJudgedAsync(new JudgedBatch(null, 1, [], [row], [], []), CancellationToken.None);
    }

    private Task<TestCell> StartFirstAsync() => StartAsync("eu-west-1", "eu-west", 1, urls[0], urls[1]);

    private Task<TestCell> StartSecondAsync() => StartAsync("us-east-1", "us-east", 2, urls[2], urls[3]);

    private Task<TestCell> StartAsync(string cell, string region, ushort number, Uri pub, Uri intern) => TestCell.StartAsync(
        _ => TestCell.DefaultOptions(Path.Combine(folder, cell), cell, region, number) with
        {
            CellMapPath = Path.Combine(folder, "cells.json"),
            Public = pub,
            Internal = intern,
            TickInterval = TimeSpan.FromMilliseconds(300),
            RegistrationLife = TimeSpan.FromSeconds(3),
            DrainTimeout = TimeSpan.FromSeconds(5),
        },
        folder: folder);

    private static CellEntry Entry(string name, int number, string region, Uri pub, Uri intern, CellKey key) =>
        new(name, number, region, 100, CellState.Active, null, new CellEndpoints(pub, intern), [key]);

    private CellKey Prepare(string cell)
    {
        var secrets = Directory.CreateDirectory(Path.Combine(folder, cell, "secrets")).FullName;
        var pem = SigningKey.CreatePem();
        File.WriteAllText(Path.Combine(secrets, "signing-k1.pem"), pem);
        return CellSecrets.Read(new Dictionary<string, string> { ["signing-k1.pem"] = pem }).Keys[0].Public;
    }

    private void Share(string cell, string with)
    {
        var token = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));
        File.WriteAllText(Path.Combine(folder, cell, "secrets", "peer-" + with), token);
        File.WriteAllText(Path.Combine(folder, with, "secrets", "to-" + cell), token);
    }

    private static List<int> FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(l => l.Start());
        var ports = listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port).ToList();
        listeners.ForEach(l => l.Stop());
        return ports;
    }
}
