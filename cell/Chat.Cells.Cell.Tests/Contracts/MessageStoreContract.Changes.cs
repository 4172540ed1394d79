using Chat.Cells.Cell.Ports;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.Cell.Tests.Contracts;

/// <summary>Edits and deletions: of all that were written, in whatever order and however often, a message keeps one.</summary>
public abstract partial class MessageStoreContract
{
    private static readonly Config FewChanges = Config.QuickThrowOnFailure.WithMaxTest(25);

    protected MessageChange Change(Ulid message, int number, bool deletion = false, string by = "sender", byte[]? content = null) =>
        new(Channel, message, Id(Now, 100 + number), deletion, by, deletion ? "" : "text", deletion ? default : content ?? [(byte)number, 0, 255]);

    protected static void AssertSame(MessageChange expected, MessageChange? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected with { Content = default }, actual with { Content = default });
        Assert.Equal(expected.Content.ToArray(), actual.Content.ToArray());
    }

    [Fact]
    public async Task Change_WrittenAndRead_IsTheSameAndTheMessageStaysAsItWasSent()
    {
        var message = Message(Id(Now, 1));
        var edit = Change(message.MessageId, 7, content: new byte[400_000]);
        await WriteAsync(Judged([message], changes: [edit]));

        AssertSame(edit, await Store.FindChangeAsync(Channel, message.MessageId, default));
        AssertSame(message, await Store.FindMessageAsync(Channel, message.MessageId, default));
        AssertSame(edit, Assert.Single(await Store.ReadHistoryAsync(Channel, null, 10, default)).Change);
        Assert.Null(await Store.FindChangeAsync(Channel, Id(Now, 2), default));
        Assert.Null(await Store.FindChangeAsync(Channel + "x", message.MessageId, default));
    }

    [Fact]
    public void Changes_InAnyOrderAndAnyNumberOfTimes_LeaveTheHighestAndADeletionBeforeAnyEdit()
    {
        var cases = from count in Gen.Choose(1, 6)
                    from order in Gen.Choose(0, count - 1).NonEmptyListOf()
                    from deletions in Gen.Choose(0, 3).ArrayOf(count)
                    from together in Gen.Choose(1, 4)
                    select (order, deletions, together);
        var number = 0;
        Prop.ForAll(cases.ToArbitrary(), async run =>
        {
            var id = Id(Now + 1, number++);
            var written = run.order.Select(i => Change(id, i, deletion: run.deletions[i] == 0)).ToList();
            foreach (var batch in written.Chunk(run.together)) await WriteAsync(Judged(changes: batch));

            var kept = written.OrderBy(change => change.IsDeletion).ThenBy(change => change.EventId).Last();
            AssertSame(kept, await Store.FindChangeAsync(Channel, id, default));
        }).Check(FewChanges);
    }

    [Fact]
    public async Task Changes_OfTwoWritersAtOnce_EndWithOne()
    {
        var id = Id(Now, 1);
        var changes = Enumerable.Range(0, 40).Select(i => Change(id, i)).ToList();
        await Task.WhenAll(changes.AsEnumerable().Reverse().Concat(changes).Select(change => Task.Run(async () => await WriteAsync(Judged(changes: [change])))));

        AssertSame(changes[^1], await Store.FindChangeAsync(Channel, id, default));
    }

    [Fact]
    public async Task Change_BeforeItsMessage_IsKeptAndNotShownUntilTheMessageComes()
    {
        var ids = Enumerable.Range(0, 30).Select(i => Id(Now, i)).ToList();
        await WriteAsync(Judged([.. ids.Where((_, i) => i % 10 == 0).Select(id => Message(id))], changes: [.. ids.Select((id, i) => Change(id, i, deletion: i % 2 == 0))]));

        Assert.Null(await Store.FindMessageAsync(Channel, ids[5], default));
        AssertSame(Change(ids[5], 5), await Store.FindChangeAsync(Channel, ids[5], default));
        // What isn't shown takes no place: the pages are full as long as there is something to show.
        var first = await Store.ReadHistoryAsync(Channel, null, 2, default);
        Assert.Equal([ids[20], ids[10]], first.Select(message => message.MessageId));
        Assert.Equal([ids[0]], (await Store.ReadHistoryAsync(Channel, ids[10], 2, default)).Select(message => message.MessageId));

        await WriteAsync(Judged([Message(ids[5])]));
        var shown = await Store.ReadHistoryAsync(Channel, ids[6], 1, default);
        AssertSame(Change(ids[5], 5), Assert.Single(shown).Change);
    }

    [Fact]
    public async Task History_OfSeveralMonthsInPages_HasEachMessagesOwnChange()
    {
        const long month = 31L * 24 * 3600 * 1000;
        var ids = Enumerable.Range(0, 25).Select(i => Id(Now - ((24 - i) * month / 4), i)).ToList();
        var changes = ids.Where((_, i) => i % 3 == 0).Select((id, i) => Change(id, i, deletion: i % 4 == 0)).ToDictionary(change => change.MessageId);
        await WriteAsync(Judged([.. ids.Select(id => Message(id))], changes: [.. changes.Values]));

        var read = new List<MessageRow>();
        while (await Store.ReadHistoryAsync(Channel, read.LastOrDefault()?.MessageId, 7, default) is { Count: > 0 } page) read.AddRange(page);

        Assert.Equal(ids.OrderDescending(), read.Select(message => message.MessageId));
        foreach (var message in read)
        {
            if (changes.TryGetValue(message.MessageId, out var change)) AssertSame(change, message.Change);
            else Assert.Null(message.Change);
        }
    }

    [Fact]
    public async Task Edit_ByAnotherThanTheSender_IsNotShown()
    {
        var (edited, deleted) = (Message(Id(Now, 1)), Message(Id(Now, 2)));
        await WriteAsync(Judged([edited, deleted], changes: [Change(edited.MessageId, 1, by: "somebody"), Change(deleted.MessageId, 2, deletion: true, by: "an admin")]));

        var history = await Store.ReadHistoryAsync(Channel, null, 10, default);

        Assert.Equal([true, false], history.Select(message => message.Change is not null));
    }

    [Fact]
    public async Task Changes_AfterReopen_AreStillThere()
    {
        var message = Message(Id(Now, 1));
        await WriteAsync(Judged([message], changes: [Change(message.MessageId, 3)]));

        await Store.DisposeAsync();
        Store = await OpenAsync();

        AssertSame(Change(message.MessageId, 3), Assert.Single(await Store.ReadHistoryAsync(Channel, null, 10, default)).Change);
        await WriteAsync(Judged(changes: [Change(message.MessageId, 2)]));
        AssertSame(Change(message.MessageId, 3), await Store.FindChangeAsync(Channel, message.MessageId, default));
    }
}
