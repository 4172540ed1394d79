using Chat.Cells.History.Checking;
using Chat.Cells.History.Recording;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.History.Tests;

/// <summary>Any good history passes; after any one loss, repeat or swap it does not.</summary>
public sealed class MutationTests
{
    [Fact]
    public void Check_AnyGoodHistory_Passes() =>
        Prop.ForAll<int, byte>((seed, size) => HistoryChecker.Check(GoodHistory.Make(seed, size % 60)).Passed).QuickCheckThrowOnFailure();

    [Fact]
    public void Check_OneShownMessageDropped_Fails() => EveryMutationIsCaught<MessageShown>((history, i) => history.RemoveAt(i));

    [Fact]
    public void Check_OneShownMessageDoubled_Fails() => EveryMutationIsCaught<MessageShown>((history, i) => history.Insert(i, history[i]));

    [Fact]
    public void Check_OneEventFrameDoubled_Fails() => EveryMutationIsCaught<FrameSeen>(
        (history, i) => history.Insert(i, history[i]),
        f => f.Text.Contains("new_message", StringComparison.Ordinal));

    [Fact]
    public void Check_OneEventOnTheNextConnectionAtAnotherCursor_Fails() => EveryMutationIsCaught<FrameSeen>(
        (history, i) =>
        {
            var live = (FrameSeen)history[i];
            history.Add(GoodHistory.Frame(live.At, live.Device, "sync_batch", GoodHistory.BatchOf(live, "1.0.900"), null, connection: 2));
        },
        f => f.Text.Contains("new_message", StringComparison.Ordinal));

    [Fact]
    public void Check_TwoTimelineEntriesSwapped_Fails() => EveryMutationIsCaught<FinalTimeline>(
        (history, i) =>
        {
            var timeline = (FinalTimeline)history[i];
            var ids = timeline.MessageIds.ToArray();
            (ids[0], ids[^1]) = (ids[^1], ids[0]);
            history[i] = timeline with { MessageIds = ids };
        },
        t => t.MessageIds.Count > 1);

    [Fact]
    public void Check_OneHistoryMessageDropped_Fails() => EveryMutationIsCaught<FinalHistory>(
        (history, i) =>
        {
            var channel = ((FinalHistory)history[i]).Channel;
            for (var j = 0; j < history.Count; j++)
            {
                if (history[j] is FinalHistory other && other.Channel == channel) history[j] = other with { Messages = other.Messages.Skip(1).ToArray() };
            }
        },
        h => h.Messages.Count > 0);

    [Fact]
    public void Check_OneAckOfAnotherMessage_Fails() => EveryMutationIsCaught<SendAcked>(
        (history, i) => history[i] = ((SendAcked)history[i]) with { MessageId = GoodHistory.Id(5_000) });

    [Fact]
    public void Recording_WrittenAndRead_IsTheSame()
    {
        var history = GoodHistory.Make(3, 40);
        history.Add(new ConnectionClosed(9, "a-phone", 1, 4008, "too \"slow\"\n"));
        history.Add(new SendRefused(9, "a-phone", "r", "not_member"));
        history.Add(new Note(9, "killed"));
        var path = Path.Combine(Path.GetTempPath(), $"history-{Guid.NewGuid():N}.jsonl");
        try
        {
            using (var recorder = HistoryRecorder.ToFile(path))
            {
                foreach (var record in history) recorder.Write(record);
            }
            var read = HistoryRecorder.Read(path).ToArray();
            Assert.Equal(history.Select(Shape), read.Select(Shape));
            Assert.True(HistoryChecker.Check(read).Passed);
            File.AppendAllText(path, "{\"kind\":\"nonsense\"}\n");
            var e = Assert.Throws<InvalidDataException>(() => HistoryRecorder.Read(path).Count());
            Assert.Contains($"line {history.Count + 1}", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }

        // Lists in records compare by reference; as JSON they compare by value.
        static string Shape(HistoryRecord record) => System.Text.Json.JsonSerializer.Serialize(record);
    }

    private static void EveryMutationIsCaught<T>(Action<List<HistoryRecord>, int> mutate, Func<T, bool>? applies = null)
        where T : HistoryRecord =>
        Prop.ForAll<int, byte, ushort>((seed, size, pick) =>
        {
            var history = GoodHistory.Make(seed, 5 + (size % 40));
            var places = Enumerable.Range(0, history.Count).Where(i => history[i] is T record && applies?.Invoke(record) != false).ToArray();
            if (places.Length == 0) return true;
            mutate(history, places[pick % places.Length]);
            return !HistoryChecker.Check(history).Passed;
        }).QuickCheckThrowOnFailure();
}
