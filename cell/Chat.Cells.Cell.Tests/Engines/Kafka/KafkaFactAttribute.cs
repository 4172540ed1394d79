using Chat.Cells.Cell.Engines.Kafka;

namespace Chat.Cells.Cell.Tests.Engines.Kafka;

/// <summary>A fact on the mock cluster, skipped where the native library isn't built.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class KafkaFactAttribute : FactAttribute
{
    public KafkaFactAttribute()
    {
        if (!File.Exists(Environment.GetEnvironmentVariable(LibrdkafkaLoader.PathVariable))) Skip = $"librdkafka is not built: {LibrdkafkaLoader.PathVariable} names no file (docs/kafka.md)";
    }
}
