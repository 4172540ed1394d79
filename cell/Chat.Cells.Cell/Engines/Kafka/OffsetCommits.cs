using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Chat.Cells.Cell.Ports;
using Confluent.Kafka;
using TopicPartition = Chat.Cells.Cell.Ports.TopicPartition;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// Commits offsets with metadata, and reads them: librdkafka can, Confluent.Kafka doesn't pass it on. Works on a consumer's own native handle.
/// Struct layout: <c>rd_kafka_topic_partition_t</c> of librdkafka 2.x, 64-bit.
/// </summary>
internal static unsafe partial class OffsetCommits
{
    private const string Library = "librdkafka";
    private const long NoOffset = -1001;
    private static readonly PropertyInfo? NativeHandle = typeof(Handle).GetProperty("LibrdkafkaHandle", BindingFlags.Instance | BindingFlags.NonPublic);

    /// <summary>Sends a commit; its answer comes to the consumer's handler of committed offsets. A lost commit is only a replay.</summary>
    public static void Commit(IClient consumer, IReadOnlyList<CommitPlace> places) => Commit(consumer, places, asynchronously: 1);

    /// <summary>Commits, and waits for it: the place must be there for whoever has the partition next. Blocks.</summary>
    /// <exception cref="KafkaException">Not committed.</exception>
    public static void CommitNow(IClient consumer, CommitPlace place)
    {
        var error = Commit(consumer, [place], asynchronously: 0);
        if (error != 0) throw new KafkaException((ErrorCode)error);
    }

    private static int Commit(IClient consumer, IReadOnlyList<CommitPlace> places, int asynchronously)
    {
        var list = rd_kafka_topic_partition_list_new(places.Count);
        try
        {
            foreach (var place in places)
            {
                var element = rd_kafka_topic_partition_list_add(list, place.Source.Topic, place.Source.Partition.Value);
                element->Offset = place.NextOffset;
                var bytes = Encoding.UTF8.GetBytes(place.Metadata);
                if (bytes.Length == 0) continue;
                // Freed by librdkafka with the list.
                element->Metadata = NativeMemory.Alloc((nuint)bytes.Length);
                element->MetadataSize = (nuint)bytes.Length;
                bytes.CopyTo(new Span<byte>(element->Metadata, bytes.Length));
            }
            return WithHandle(consumer, handle => rd_kafka_commit(handle, list, asynchronously));
        }
        finally
        {
            rd_kafka_topic_partition_list_destroy(list);
        }
    }

    /// <summary>What the consumer's group committed of partitions; null where nothing. Blocks up to the time-out.</summary>
    /// <exception cref="LogUnavailableException">The group coordinator did not answer.</exception>
    public static IReadOnlyList<CommittedOffset?> Read(IClient consumer, IReadOnlyList<TopicPartition> partitions, TimeSpan timeout)
    {
        var list = rd_kafka_topic_partition_list_new(partitions.Count);
        try
        {
            foreach (var partition in partitions) rd_kafka_topic_partition_list_add(list, partition.Topic, partition.Partition);
            var error = WithHandle(consumer, handle => rd_kafka_committed(handle, list, (int)timeout.TotalMilliseconds));
            if (error != 0) throw new LogUnavailableException($"Kafka did not answer what is committed: {new Error((ErrorCode)error).Reason}");
            var result = new CommittedOffset?[partitions.Count];
            for (var i = 0; i < list->Count; i++)
            {
                var element = list->Elements + i;
                if (element->Error != 0) throw new LogUnavailableException($"Kafka did not answer what is committed: {new Error((ErrorCode)element->Error).Reason}");
                if (element->Offset == NoOffset) continue;
                var metadata = element->MetadataSize == 0 ? "" : Encoding.UTF8.GetString((byte*)element->Metadata, (int)element->MetadataSize);
                // librdkafka keeps the elements in the order in which they were added.
                result[i] = new CommittedOffset(element->Offset, metadata);
            }
            return result;
        }
        finally
        {
            rd_kafka_topic_partition_list_destroy(list);
        }
    }

    private static int WithHandle(IClient client, Func<nint, int> call)
    {
        var property = NativeHandle ?? throw new LogException("This version of Confluent.Kafka hides its native handle elsewhere: pin 2.15.1.");
        var safe = (SafeHandle)property.GetValue(client.Handle)!;
        var added = false;
        try
        {
            safe.DangerousAddRef(ref added);
            return call(safe.DangerousGetHandle());
        }
        finally
        {
            if (added) safe.DangerousRelease();
        }
    }

    [LibraryImport(Library)]
    private static partial PartitionList* rd_kafka_topic_partition_list_new(int size);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial PartitionElement* rd_kafka_topic_partition_list_add(PartitionList* list, string topic, int partition);

    [LibraryImport(Library)]
    private static partial void rd_kafka_topic_partition_list_destroy(PartitionList* list);

    [LibraryImport(Library)]
    private static partial int rd_kafka_commit(nint client, PartitionList* list, int asynchronously);

    [LibraryImport(Library)]
    private static partial int rd_kafka_committed(nint client, PartitionList* list, int timeoutMs);

    [StructLayout(LayoutKind.Sequential)]
    private struct PartitionList
    {
        public int Count;
        public int Size;
        public PartitionElement* Elements;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PartitionElement
    {
        public byte* Topic;
        public int Partition;
        public long Offset;
        public void* Metadata;
        public nuint MetadataSize;
        public void* Opaque;
        public int Error;
        public void* Private;
    }
}
