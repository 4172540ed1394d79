using System.Net;
using System.Net.WebSockets;
using System.Text;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Tests.Presence;

/// <summary>A server that may open the stream of a cell, and says on it what it should not.</summary>
public sealed class PeerMisbehaviourTests : IAsyncLifetime
{
    private TwoPeople people = null!;

    public async Task InitializeAsync() => people = await TwoPeople.StartAsync();

    public async Task DisposeAsync() => await people.DisposeAsync();

    [Fact]
    public async Task Stream_WithoutItsToken_IsRefused()
    {
        Assert.Equal(401, await RefusedAsync("us-east-1", null));
        Assert.Equal(401, await RefusedAsync("us-east-1", "guess"));
        var ofSecond = await people.SecretAsync("eu-west-1", "peer-us-east-1");
        Assert.Equal(403, await RefusedAsync("eu-west-1", ofSecond));
        Assert.Equal(404, await RefusedAsync("no-such-cell", people.First.InternalToken));
        Assert.Equal(401, await RefusedAsync("us-east-1", people.Anna.Token));
        using var plain = await people.First.SendAsync(HttpMethod.Get, people.First.Internal, "/internal/v1/peers/us-east-1/live", ofSecond);
        Assert.Equal(HttpStatusCode.UpgradeRequired, plain.StatusCode);
        using var open = await people.First.SendAsync(HttpMethod.Get, people.First.Public, "/internal/v1/peers/us-east-1/live", ofSecond);
        Assert.Equal(HttpStatusCode.NotFound, open.StatusCode);
    }

    [Fact]
    public async Task Peer_SpeakingForOthers_IsNotHeardAndSpeakingForItsOwnIs()
    {
        await using var receiver = await people.First.ConnectAsync(people.Anna);
        using var peer = await OpenAsSecondAsync();
        var stranger = UserId.Create("us-east-1", Ulid.NewUlid());
        var other = await people.First.SignUpAsync("other");
        var elsewhere = await people.First.CreateDirectAsync(people.Anna, other);

        await SayAsync(peer, $$"""{"type":"typing","typing":[{"channelId":"{{elsewhere}}","userId":"{{other.UserId}}","typing":true},{"channelId":"{{people.Channel}}","userId":"{{stranger}}","typing":true},{"channelId":"x","userId":"{{people.Bob.UserId}}","typing":true},null,{}]}""");
        await SayAsync(peer, $$"""{"type":"typing","typing":[{"channelId":"{{people.Channel}}","userId":"{{people.Bob.UserId}}","typing":true}]}""");

        Assert.Equal(people.Bob.UserId, (string)(await receiver.PayloadAsync("typing"))["userId"]!);
        await receiver.SettleAsync();
        Assert.Empty(receiver.Kept("typing"));
    }

    [Fact]
    public async Task Peer_WatchingOthersUsersOrNone_GetsOnlyOurs()
    {
        await using var device = await people.First.ConnectAsync(people.Anna);
        using var peer = await OpenAsSecondAsync();
        await SayAsync(peer, $$"""{"type":"watch","add":["{{people.Bob.UserId}}","nobody",null,"{{people.Anna.UserId}}"],"remove":["{{people.Bob.UserId}}",null]}""");
        var answer = await HearAsync(peer, "presence");
        Assert.Contains(people.Anna.UserId, answer, StringComparison.Ordinal);
        Assert.DoesNotContain(people.Bob.UserId, answer, StringComparison.Ordinal);
        Assert.Equal(1, TwoPeople.Views(people.First).Count);
        await SayAsync(peer, $$"""{"type":"watch","remove":["{{people.Anna.UserId}}"]}""");
        await Poll.UntilAsync(() => TwoPeople.Views(people.First).Count == 0, "it is watched no longer");
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
        await SayAsync(next, $$"""{"type":"watch","add":["{{people.Anna.UserId}}"]}""");
        Assert.NotNull(await HearAsync(next, "presence"));
    }

    [Fact]
    public async Task Peer_WatchingMoreThanAFrameMay_IsClosed()
    {
        using var peer = await OpenAsSecondAsync();
        var users = string.Join(',', Enumerable.Repeat($"\"{people.Anna.UserId}\"", PeerFrame.MaxUsers + 1));
        await SayAsync(peer, $$"""{"type":"watch","add":[{{users}}]}""");
        Assert.Null(await HearAsync(peer, "presence"));
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, peer.CloseStatus);
        Assert.Equal(0, TwoPeople.Views(people.First).Count);
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
    public async Task Peer_WatchingMoreThanThereIsRoomFor_HasTheOthersWaitAndKeepsItsStream()
    {
        var other = await people.First.SignUpAsync("other");
        TwoPeople.Views(people.First).Most = 1;
        using var peer = await OpenAsSecondAsync();
        await SayAsync(peer, $$"""{"type":"watch","add":["{{people.Anna.UserId}}"]}""");
        Assert.Contains(people.Anna.UserId, await HearAsync(peer, "presence"), StringComparison.Ordinal);

        await SayAsync(peer, $$"""{"type":"watch","add":["{{other.UserId}}","{{people.Anna.UserId}}"]}""");
        var again = await HearAsync(peer, "presence");
        Assert.Contains(people.Anna.UserId, again, StringComparison.Ordinal);
        Assert.DoesNotContain(other.UserId, again, StringComparison.Ordinal);
        Assert.Equal(1, TwoPeople.Views(people.First).Count);

        await SayAsync(peer, $$"""{"type":"watch","remove":["{{people.Anna.UserId}}"]}""");
        var next = await HearAsync(peer, "presence");
        Assert.Contains(other.UserId, next, StringComparison.Ordinal);
        Assert.Equal(WebSocketState.Open, peer.State);
    }

    [Fact]
    public async Task Peer_WhoseUsersWait_GetsThemWithAPingWhenThereIsRoom()
    {
        TwoPeople.Views(people.First).Most = 0;
        using var peer = await OpenAsSecondAsync();
        await SayAsync(peer, $$"""{"type":"watch","add":["{{people.Anna.UserId}}"]}""");
        await SayAsync(peer, """{"type":"ping"}""");
        Assert.NotNull(await HearAsync(peer, "ping"));
        Assert.Equal(0, TwoPeople.Views(people.First).Count);
        TwoPeople.Views(people.First).Most = 1;
        await SayAsync(peer, """{"type":"ping"}""");
        Assert.Contains(people.Anna.UserId, await HearAsync(peer, "presence"), StringComparison.Ordinal);
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

    private Uri StreamOf(string peer) => new($"ws://{people.First.Internal.Authority}/internal/v1/peers/{peer}/live");

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
        socket.Options.SetRequestHeader("Authorization", "Bearer " + await people.SecretAsync("us-east-1", "to-eu-west-1"));
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
}
