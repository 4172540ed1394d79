using System.Text.Json.Nodes;
using Chat.Cells.Client.Tests.Servers;
using Chat.Cells.Protocol;
using static Chat.Cells.Client.Tests.Servers.ClientFixture;

namespace Chat.Cells.Client.Tests;

/// <summary>A small correct server (an inbox, dedupe by requestId) whose connections break after a given number of frames.</summary>
public sealed class DropEverywhereTests
{
    private const int Sends = 6;

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    [InlineData(4, true)]
    [InlineData(5, true)]
    [InlineData(7, true)]
    [InlineData(11, true)]
    [InlineData(3, false)]
    [InlineData(4, false)]
    [InlineData(5, false)]
    [InlineData(8, false)]
    public async Task Connection_BreaksAfterSoManyFrames_NothingIsLostDoubledOrReordered(int frames, bool doubleEverything)
    {
        await using var server = await ScriptedServer.StartAsync();
        await using var client = new ChatClient(NewSession(), Options(server) with { CursorStore = new Sync.InMemoryCursorStore("1.0.0") });
        var model = new InboxModel();
        for (var i = 0; i < 3; i++) model.Append("eu.other", $"theirs {i}", null);
        var sends = Enumerable.Range(0, Sends).Select(i => client.Send(Channel, $"mine {i}")).ToArray();
        client.Start();
        var serving = Task.Run(async () =>
        {
            // The first connections break at the given frame and at every later one, so that there is always progress in the end.
            for (var budget = frames; ; budget++)
            {
                await model.ServeAsync(await server.AcceptAsync(), budget, doubleEverything);
            }
        });
        var outcomes = await Task.WhenAll(sends.Select(s => s.Outcome)).WaitAsync(TimeSpan.FromSeconds(60));
        await Poll.UntilAsync(() => client.Timeline(Channel).Count == Sends + 3, "everything is shown");
        Assert.All(outcomes, o => Assert.True(o.IsAccepted));
        Assert.Equal(model.Contents, client.Timeline(Channel).Snapshot().Select(m => m.Content));
        Assert.Equal(Enumerable.Range(0, Sends).Select(i => $"mine {i}"), model.Contents.Where(c => c.StartsWith("mine", StringComparison.Ordinal)));
        _ = serving.ContinueWith(t => t.Exception, TaskScheduler.Default); // Ends with the server.
    }

    private sealed class InboxModel
    {
        private readonly List<(string Sender, string Content, string? RequestId)> inbox = [];

        public IReadOnlyList<string> Contents => inbox.Select(m => m.Content).ToArray();

        public void Append(string sender, string content, string? requestId) => inbox.Add((sender, content, requestId));

        public async Task ServeAsync(ScriptedConnection connection, int budget, bool doubleEverything)
        {
            var sent = 0;
            try
            {
                var sync = await NextAsync();
                var position = int.Parse(((string)sync["payload"]!["cursor"]!)[4..], System.Globalization.CultureInfo.InvariantCulture);
                await OutAsync(FrameTypes.SyncBatch, new { events = Array.Empty<object>(), cursor = $"1.0.{position}", more = false }, null);
                while (true)
                {
                    for (; position < inbox.Count; position++)
                    {
                        var (sender, content, requestId) = inbox[position];
                        await OutAsync(
                            FrameTypes.NewMessage,
                            new { channelId = Channel, messageId = Id(position + 1), sender, contentType = "text", content, channelVersion = 1, cursor = $"1.0.{position + 1}", requestId },
                            null);
                    }
                    var frame = await NextAsync();
                    if ((string?)frame["type"] != FrameTypes.ChatMessage) continue;
                    var request = (string)frame["requestId"]!;
                    var after = (string?)frame["payload"]!["afterRequest"];
                    if (after is not null && inbox.FindIndex(m => m.RequestId == after) < 0)
                    {
                        await OutAsync(FrameTypes.Error, new { code = ErrorCodes.Retry, message = "out of order", retryAfter = 5 }, request);
                        continue;
                    }
                    var known = inbox.FindIndex(m => m.RequestId == request);
                    if (known < 0)
                    {
                        known = inbox.Count;
                        Append(User, (string)frame["payload"]!["content"]!, request);
                    }
                    await OutAsync(FrameTypes.MessageAck, new { messageId = Id(known + 1), channelId = Channel, status = "accepted" }, request);
                }
            }
            catch (BudgetSpentException)
            {
                connection.Abort();
            }
            catch (System.Threading.Channels.ChannelClosedException)
            {
                connection.Abort();
            }

            async Task<JsonObject> NextAsync()
            {
                Spend();
                return await connection.NextAsync();
            }

            async Task OutAsync(string type, object payload, string? requestId)
            {
                Spend();
                await connection.SendAsync(type, payload, requestId);
                if (doubleEverything && type != FrameTypes.SyncBatch) await connection.SendAsync(type, payload, requestId);
            }

            void Spend()
            {
                if (++sent > budget) throw new BudgetSpentException();
            }
        }
    }

    private sealed class BudgetSpentException : Exception;
}
