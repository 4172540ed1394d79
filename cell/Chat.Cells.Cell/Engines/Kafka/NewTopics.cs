using Confluent.Kafka;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>A topic that was just made is not known to every broker at once, and which one a client asks is chance: who asks for it asks again for a while.</summary>
internal static class NewTopics
{
    /// <summary>A topic that is unknown for so long is gone.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <param name="ask">Asked again while it fails because the topic is unknown.</param>
    /// <param name="time">For the patience.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="KafkaException">Any other failure, or still unknown.</exception>
    public static async Task<T> AskAsync<T>(Func<Task<T>> ask, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (KafkaException e) when (IsUnknown(e.Error.Code) && time.GetElapsedTime(started) < Patience)
            {
                await Task.Delay(Pause, time, cancellationToken);
            }
        }
    }

    private static bool IsUnknown(ErrorCode code) => code is ErrorCode.Local_UnknownPartition or ErrorCode.Local_UnknownTopic or ErrorCode.UnknownTopicOrPart;
}
