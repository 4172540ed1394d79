using Chat.Cells.Cell.Engines.Kafka;
using FsCheck;
using FsCheck.Fluent;
using KafkaPartition = Confluent.Kafka.TopicPartition;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

public sealed class CommitQueueTests
{
    private readonly FakeTime time = new(DateTimeOffset.UnixEpoch.AddDays(20_000));
    private readonly List<IReadOnlyList<CommitPlace>> sent = [];
    private readonly CommitQueue queue;

    public CommitQueueTests() => queue = new CommitQueue(sent.Add, time);

    [Fact]
    public void Put_NothingUnderWay_IsSentAtOnce()
    {
        queue.Put(Place(0, 5));
        Assert.Equal([Place(0, 5)], Assert.Single(sent));
    }

    [Fact]
    public void Put_WhileOneIsUnderWay_GoesWithTheNextAndOnlyTheNewest()
    {
        queue.Put(Place(0, 1));
        for (var offset = 2; offset < 1_000; offset++) queue.Put(Place(0, offset));
        queue.Put(Place(1, 7));
        Assert.Single(sent);

        queue.Answered([(Source(0), 1)]);

        Assert.Equal(2, sent.Count);
        Assert.Equal([Place(0, 999), Place(1, 7)], sent[1].OrderBy(p => p.Source.Partition.Value));
    }

    [Fact]
    public void Answered_NothingNew_SendsNothingAndTheNextGoesAtOnce()
    {
        queue.Put(Place(0, 1));
        queue.Answered([(Source(0), 1)]);
        Assert.Single(sent);
        queue.Put(Place(0, 2));
        Assert.Equal([Place(0, 2)], sent[1]);
    }

    [Fact]
    public void Tick_RefusedOrUnanswered_IsSentAgainAfterAWhileOnly()
    {
        queue.Put(Place(0, 1));
        queue.Answered([]);
        queue.Tick();
        Assert.Single(sent);

        time.Advance(CommitQueue.Patience);
        queue.Tick();
        queue.Tick();

        Assert.Equal(2, sent.Count);
        Assert.Equal([Place(0, 1)], sent[1]);
    }

    [Fact]
    public void Tick_EverythingIsConfirmed_SendsNothing()
    {
        queue.Put(Place(0, 1));
        queue.Answered([(Source(0), 1)]);
        time.Advance(10 * CommitQueue.Patience);
        queue.Tick();
        Assert.Single(sent);
    }

    [Fact]
    public void Release_OneIsUnderWay_SendsTheNewestWithoutWaitingAndNeverAgain()
    {
        queue.Put(Place(0, 1));
        queue.Put(Place(0, 2));
        queue.Release([Source(0)]);
        Assert.Equal([Place(0, 2)], sent[1]);

        time.Advance(10 * CommitQueue.Patience);
        queue.Tick();
        queue.Answered([]);

        Assert.Equal(2, sent.Count);
    }

    [Fact]
    public void Forget_WaitsOrIsUnconfirmed_NeverComesBehindWhatFollows()
    {
        queue.Put(Place(0, 9));
        queue.Put(Place(0, 10));
        queue.Forget(Source(0));
        queue.Answered([]);
        time.Advance(10 * CommitQueue.Patience);
        queue.Tick();
        Assert.Single(sent);
    }

    [Fact]
    public void Lose_OneWaitsAndOthersFollow_NothingIsSentUntilPartitionsAreThereAgain()
    {
        queue.Put(Place(0, 1));
        queue.Put(Place(0, 2));
        queue.Lose();
        queue.Put(Place(0, 3));
        queue.Answered([]);
        queue.Release([Source(0)]);
        time.Advance(10 * CommitQueue.Patience);
        queue.Tick();
        Assert.Single(sent);

        queue.Gain();
        queue.Tick();
        Assert.Single(sent);
        queue.Put(Place(1, 4));
        Assert.Equal([Place(1, 4)], sent[1]);
    }

    /// <summary>Whatever is answered, refused or lost in between: places never go back, and in the end Kafka has the newest of each partition.</summary>
    [Fact]
    public void Put_AnyAnswers_EachPartitionEndsAtItsNewestAndNeverGoesBack() => Prop.ForAll<byte[]>(steps => new CommitQueueTests().Run(steps)).QuickCheckThrowOnFailure();

    private void Run(byte[] steps)
    {
        var newest = new long[3];
        var kafka = new long[3];
        var answered = 0;
        foreach (var step in steps)
        {
            switch (step % 5)
            {
                case 0 or 1 or 2:
                    queue.Put(Place(step % 5, ++newest[step % 5]));
                    break;
                case 3 when answered < sent.Count:
                    Answer(isTaken: step % 2 == 0);
                    break;
                default:
                    time.Advance(TimeSpan.FromMilliseconds(10 * step));
                    queue.Tick();
                    break;
            }
        }
        for (var i = 0; i < 3; i++)
        {
            while (answered < sent.Count) Answer(isTaken: true);
            time.Advance(CommitQueue.Patience);
            queue.Tick();
        }

        Assert.Equal(newest, kafka);
        foreach (var places in sent.SelectMany(s => s).GroupBy(p => p.Source))
            Assert.Equal(places.Select(p => p.NextOffset).Order(), places.Select(p => p.NextOffset));

        void Answer(bool isTaken)
        {
            var places = sent[answered++];
            if (isTaken)
            {
                foreach (var place in places) kafka[place.Source.Partition.Value] = place.NextOffset;
            }
            queue.Answered(isTaken ? places.Select(p => (p.Source, p.NextOffset)) : []);
        }
    }

    private static KafkaPartition Source(int partition) => new("p.topic", partition);

    private static CommitPlace Place(int partition, long offset) => new(Source(partition), offset, "");
}
