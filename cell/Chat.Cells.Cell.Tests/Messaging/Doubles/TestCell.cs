using System.Text;
using Chat.Cells.Cell.Bridging;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>A cell's message path over doubles that keep what they have across crashes of the workers.</summary>
internal sealed class TestCell
{
    public static readonly Topics Topics = new(1, 1, 2, 2);

    public TestCell(string name = "a")
    {
        Directory = new TestDirectory(name);
        Log = new TestLog(Faults);
        Store = new TestStore(Faults);
        State = new TestState(Faults);
    }

    public Faults Faults { get; } = new();

    public TestDirectory Directory { get; }

    public TestLog Log { get; private set; }

    public TestStore Store { get; }

    public TestState State { get; }

    public static IReadOnlyList<TopicPartition> JudgedPartitions => [new(Topics.DirectMessages, 0), new(Topics.GroupMessages, 0)];

    public static IReadOnlyList<TopicPartition> InboxPartitions => [new(Topics.InboxTopic, 0), new(Topics.InboxTopic, 1)];

    public FanOutRole FanOut() => new(Log, Store, State, Directory, Topics, TimeProvider.System, NullLogger<FanOutRole>.Instance);

    public DeliveryRole Delivery() => new(Log, Store, State, Directory, Topics, TimeProvider.System, NullLogger<DeliveryRole>.Instance);

    public BridgeInRole BridgeIn() => new(Log, Store, State, Directory, Topics, new BridgeStatus(), TimeProvider.System, NullLogger<BridgeInRole>.Instance);

    public BridgeInbox BridgeInbox() => new(Log, Directory, Topics, new BridgeStatus(), TimeProvider.System, NullLogger<BridgeInbox>.Instance);

    /// <summary>The log's disk is gone; the store's is not.</summary>
    public void LoseLog() => Log = new TestLog(Faults) { Now = Log.Now + 60_000 };

    /// <summary>A gateway's append; returns the offset.</summary>
    public long Add(ChannelRecord record)
    {
        Assert.True(ChannelId.TryGetType(record.ChannelId, out var type));
        return Log.Add(new TopicPartition(Topics.ForChannel(type), 0), Encoding.UTF8.GetBytes(record.ChannelId), ChannelRecord.Encode(record));
    }

    /// <summary>Judges all there is, starting over from the commit after every crash.</summary>
    public async Task JudgeAllAsync(int batch = 100)
    {
        foreach (var partition in JudgedPartitions) await RunAsync(FanOutRole.Group, partition, FanOut(), batch);
    }

    public async Task DeliverAllAsync(int batch = 100)
    {
        foreach (var partition in InboxPartitions) await RunAsync(DeliveryRole.Group, partition, Delivery(), batch);
    }

    /// <summary>Serves what a peer's bridge has brought.</summary>
    public async Task ServeAllAsync(string peer, int batch = 100)
    {
        Log.Meanwhile = () => JudgeAllAsync();
        for (var p = 0; p < Topics.Bridge; p++) await RunAsync(BridgeInRole.Group, new TopicPartition(Topics.BridgedFrom(peer, Directory.CellName), p), BridgeIn(), batch);
        Log.Meanwhile = () => Task.CompletedTask;
    }

    /// <summary>Fan-out and delivery each crash before an effect that a byte names, again and again, until at last both get through.</summary>
    public async Task RunAllThroughCrashesAsync(byte[] crashes, int batch)
    {
        foreach (var crash in crashes.Take(12))
        {
            Faults.CrashBefore(crash % 60);
            await JudgeAllAsync(batch);
            Faults.Restart();
            Faults.CrashBefore(crash % 40);
            await DeliverAllAsync(batch);
            Faults.Restart();
        }
        await RunAllAsync();
    }

    public async Task RunAllAsync(int batch = 100)
    {
        await JudgeAllAsync(batch);
        await DeliverAllAsync(batch);
    }

    /// <summary>The events of a user's inbox, oldest first.</summary>
    public IReadOnlyList<InboxRecord> InboxOf(string user) => [.. Store.Inbox.Values.Where(r => r.UserId == user).Select(r => InboxRecord.Decode(r.Payload))];

    private async Task RunAsync(string group, TopicPartition partition, IPartitionProcessorFactory factory, int batch)
    {
        while (true)
        {
            try
            {
                var worker = await Worker.StartAsync(Log, group, partition, factory);
                while (await worker.StepAsync(batch))
                {
                }
                return;
            }
            catch (CrashException)
            {
                Faults.Restart();
            }
        }
    }
}
