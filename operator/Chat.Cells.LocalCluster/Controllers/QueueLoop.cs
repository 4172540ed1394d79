using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Queues;
using Chat.Cells.LocalCluster.PodRunner;
using ObjectKey = Chat.Cells.Kubernetes.Models.ObjectKey;

namespace Chat.Cells.LocalCluster.Controllers;

/// <summary>Takes keys from a work queue and reconciles them one by one; what fails comes back later, with back-off.</summary>
internal static partial class QueueLoop
{
    public static async Task RunAsync(
        RateLimitingQueue<ObjectKey> queue, string what, Func<ObjectKey, CancellationToken, Task> reconcile, ILogger logger, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            ObjectKey key;
            try
            {
                (var more, key) = await queue.GetAsync(cancellationToken);
                if (!more)
                {
                    return;
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }

            try
            {
                await reconcile(key, cancellationToken);
                queue.Forget(key);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (KubernetesException e) when (e.IsNotFound || e.IsConflict || e.IsAlreadyExists)
            {
                queue.AddRateLimited(key); // the cache was behind; look again
            }
            catch (Exception e) when (ApiTrouble.Is(e, cancellationToken))
            {
                logger.Unreachable(what, key, e.Message);
                queue.AddRateLimited(key, (e as KubernetesException)?.RetryAfter);
            }
            catch (Exception e)
            {
                logger.ReconcileFailed($"{what} {key}", e);
                queue.AddRateLimited(key);
            }
            finally
            {
                queue.Done(key);
            }
        }
    }

    [LoggerMessage(20, LogLevel.Warning, "{What} {Key} could not be reconciled and is tried again: {Problem}")]
    private static partial void Unreachable(this ILogger logger, string what, ObjectKey key, string problem);
}
