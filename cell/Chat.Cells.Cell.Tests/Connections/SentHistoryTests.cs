using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Tests.Connections;

public sealed class SentHistoryTests
{
    private const string Me = "eu-west-1.01M813TPGJYVHDRRPAQQWFWCH8";

    [Fact]
    public void TakeDelivered_AfterALongCatchUp_NamesEveryAuthor()
    {
        var history = new SentHistory();
        history.Add(Message("d.first", "early", 1), Me, At(1));
        for (var i = 2; i <= 5_000; i++) history.Add(Message("d.second", "chatty", i), Me, At(i));
        Assert.Empty(history.TakeDelivered(At(0)));

        var taken = history.TakeDelivered(At(5_000));

        Assert.Equal(["d.first", "d.second"], taken.Select(d => d.ChannelId).Order());
        Assert.Equal(Id(1), taken.Single(d => d.ChannelId == "d.first").Senders["early"]);
        Assert.Equal(Id(5_000), taken.Single(d => d.ChannelId == "d.second").Senders["chatty"]);
        Assert.Empty(history.TakeDelivered(At(5_000)));
    }

    [Fact]
    public void TakeDelivered_OfAnOldPartOfALongCatchUp_DoesNotNameWhatCameAfter()
    {
        var history = new SentHistory();
        for (var i = 1; i <= 5_000; i++) history.Add(Message("d.second", "chatty", i), Me, At(i));

        foreach (var delivered in history.TakeDelivered(At(100))) Assert.True(delivered.MessageId <= Id(100));
        Assert.Equal(Id(4_999), Assert.Single(history.TakeDelivered(At(4_999))).MessageId);
        Assert.Equal(Id(5_000), Assert.Single(history.TakeDelivered(At(5_000))).MessageId);
    }

    private static InboxCursor At(int offset) => new(InboxCursor.InitialEpoch, 1, offset);

    private static Ulid Id(int n) => new([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte)(n >> 8), (byte)n]);

    private static InboxRecord Message(string channelId, string sender, int n) =>
        new(1, n, [], InboxKind.Message, channelId, Id(n), sender, "", 1, "\"a\":1"u8.ToArray());
}
