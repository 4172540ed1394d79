using System.Net;
using System.Net.Http.Headers;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Bridge.Tests;

/// <summary>Bridges between running cells over HTTP.</summary>
public sealed class EndToEndTests
{
    private static readonly string Direct = ChannelId.ForDirect(RunningCells.Anna, RunningCells.Xena);

    [Fact]
    public async Task Conversation_BridgesAndTargetKilledMeanwhile_ArrivesOnceAndInOrder()
    {
        await using var cells = await RunningCells.StartAsync();
        await using var there = await StartAsync(cells, "a", "b");
        var back = await StartAsync(cells, "b", "a");
        await cells.AppendAsync("a", Create());
        await UntilInboxesHoldAsync(cells, 1);

        const int messages = 120;
        for (var i = 0; i < messages; i++)
        {
            await cells.AppendAsync("a", Send(RunningCells.Anna, "a" + i));
            await cells.AppendAsync("b", Send(RunningCells.Xena, "b" + i));
            if (i % 25 == 10)
            {
                await back.DisposeAsync();
                back = await StartAsync(cells, "b", "a");
            }
            if (i == 60)
            {
                await cells.StopCellAsync("b");
                await cells.StartCellAsync("b");
            }
        }
        await UntilInboxesHoldAsync(cells, 1 + (2 * messages));
        await back.DisposeAsync();

        foreach (var user in new[] { RunningCells.Anna, RunningCells.Xena })
        {
            var events = (await cells.InboxAsync(user)).Where(e => e.Kind == InboxKind.Message).ToList();
            Assert.Equal(2 * messages, events.Select(e => e.EventId).Distinct().Count());
            foreach (var sender in events.GroupBy(e => e.SenderId)) Assert.Equal(sender.Select(e => e.EventId).Order(), sender.Select(e => e.EventId));
        }
        var history = await cells.Store("a").ReadHistoryAsync(Direct, null, 1000, CancellationToken.None);
        Assert.Equal(history.Select(m => m.MessageId), (await cells.Store("b").ReadHistoryAsync(Direct, null, 1000, CancellationToken.None)).Select(m => m.MessageId));
    }

    [Fact]
    public async Task Bridge_WrongTokenThenTheRightOne_ConnectsAndNeverLogsEither()
    {
        await using var cells = await RunningCells.StartAsync();
        var options = cells.BridgeOptions("a", "b");
        var token = Path.Combine(options.SecretsDirectory, "source-token");
        var right = await File.ReadAllTextAsync(token);
        await File.WriteAllTextAsync(token, "0000-not-the-token-0000");
        var logs = new CapturedLogs();
        await using var bridge = BridgeHost.Create(options, logging: l => l.ClearProviders().AddProvider(logs));
        await bridge.StartAsync(CancellationToken.None);
        using var http = new HttpClient { BaseAddress = bridge.Url };

        await Poll.UntilAsync(() => logs.Text.Contains("401", StringComparison.Ordinal), "the refusal is logged");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync("readyz")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("healthz")).StatusCode);

        await File.WriteAllTextAsync(token, right);
        await Poll.UntilAsync(async () => (await http.GetAsync("readyz")).IsSuccessStatusCode, "the bridge is ready");
        Assert.Contains("chatcells_bridge_lag_seconds", await http.GetStringAsync("metrics"), StringComparison.Ordinal);
        Assert.DoesNotContain("not-the-token", logs.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(right, logs.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "b/position", HttpStatusCode.Unauthorized)]
    [InlineData("wrong", "b/position", HttpStatusCode.Unauthorized)]
    [InlineData("bridge from b at a", "b/position", HttpStatusCode.OK)]
    [InlineData("internal of a", "b/position", HttpStatusCode.OK)]
    [InlineData("peer b at a", "b/position", HttpStatusCode.Forbidden)]
    [InlineData("bridge from b at a", "c/position", HttpStatusCode.Forbidden)]
    [InlineData("bridge from b at a", "b/records?from=0,0", HttpStatusCode.Forbidden)]
    [InlineData("peer b at a", "c/records?from=0,0", HttpStatusCode.Forbidden)]
    [InlineData("internal of a", "c/records?from=0,0", HttpStatusCode.NotFound)]
    [InlineData("peer b at a", "b/records?from=0", HttpStatusCode.BadRequest)]
    [InlineData("peer b at a", "b/records?from=x,0", HttpStatusCode.BadRequest)]
    [InlineData("peer b at a", "b/records?from=0,99", HttpStatusCode.Conflict)]
    public async Task Endpoint_Token_OpensOnlyItsOwn(string? token, string path, HttpStatusCode expected)
    {
        await using var cells = await RunningCells.StartAsync();
        using var http = new HttpClient { BaseAddress = cells.Url("a") };
        if (token is not null) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", RunningCells.Token(token));
        using var response = await http.GetAsync("internal/v1/bridges/" + path);
        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task Status_OfARunningCell_CountsWhatCameOverItsBridges()
    {
        await using var cells = await RunningCells.StartAsync();
        await using var there = await StartAsync(cells, "a", "b");
        await cells.AppendAsync("a", Create());
        await UntilInboxesHoldAsync(cells, 1);
        using var http = new HttpClient { BaseAddress = cells.Url("b") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", RunningCells.Token("internal of b"));
        using var status = System.Text.Json.JsonDocument.Parse(await http.GetStringAsync("internal/v1/status"));
        Assert.Equal("b", status.RootElement.GetProperty("cell").GetString());
        Assert.Equal(0, status.RootElement.GetProperty("users").GetInt64());
        Assert.Equal(1, status.RootElement.GetProperty("inbound").GetProperty("a").GetProperty("appended").GetInt64());
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", RunningCells.Token("peer a at b"));
        Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync("internal/v1/status")).StatusCode);
    }

    [Fact]
    public async Task Append_CutOffOrGarbledBody_IsRefusedWhole()
    {
        await using var cells = await RunningCells.StartAsync();
        using var http = new HttpClient { BaseAddress = cells.Url("b") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", RunningCells.Token("bridge from a at b"));
        http.DefaultRequestHeaders.ConnectionClose = true; // a refused body may be left unread, and its connection is closed then
        foreach (var body in new byte[][] { [200, 0, 0, 0, 1], [1, 0, 0, 0, 9, 9, 9], [255, 255, 255, 255, 0] })
        {
            using var response = await http.PostAsync("internal/v1/bridges/a/records", new ByteArrayContent(body));
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        }
        var range = await cells.Log("b").GetOffsetsAsync(new TopicPartition(Topics.BridgedFrom("a", "b"), 0), CancellationToken.None);
        Assert.Equal(0, range.Next);
    }

    private static async Task UntilInboxesHoldAsync(RunningCells cells, int count) =>
        await Poll.UntilAsync(
            async () => (await cells.InboxAsync(RunningCells.Anna)).Count >= count && (await cells.InboxAsync(RunningCells.Xena)).Count >= count, $"both inboxes hold {count} events");

    private static async Task<BridgeHost> StartAsync(RunningCells cells, string source, string target)
    {
        var bridge = BridgeHost.Create(cells.BridgeOptions(source, target), logging: l => l.ClearProviders());
        await bridge.StartAsync(CancellationToken.None);
        return bridge;
    }

    private static CommandRecord Create() => new(
        Direct, Origin(RunningCells.Anna, "create"), ChannelCommand.Create, ChannelType.Direct, null, [RunningCells.Xena], MemberRole.Member, null);

    private static SendRecord Send(string user, string request) =>
        new(Direct, Origin(user, request), "text", System.Text.Encoding.UTF8.GetBytes("content of " + request), null, null, null, 0);

    private static RequestOrigin Origin(string user, string request) => new("", user, "device", request);
}
