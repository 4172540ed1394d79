using System.Globalization;
using Chat.Cells.Http;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner;
using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>One ChatCell, as the table shows it.</summary>
public sealed record CellRow(string Namespace, string Name, string Region, string Ready, string Message, string Gateways);

/// <summary>Waits until the cluster serves: the pod runner is this run's, every pod and every ChatCell is Ready, and the page answers.</summary>
public sealed class ReadinessWait(KubernetesClient client, UpConsole console, TimeProvider time)
{
    /// <summary>The kind that all this is about.</summary>
    public static readonly ResourceType ChatCells = new("chatcells.io", "v1alpha1", "ChatCell", "chatcells", Namespaced: true);

    private string said = "";

    /// <summary>Waits, saying what is still missing whenever that changes.</summary>
    /// <exception cref="UpException">The time is over; the message names what is missing.</exception>
    public async Task<IReadOnlyList<CellRow>> WaitAsync(Func<ProcessIdentity?> runner, Uri page, TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new ConnectionErrorHandler(new SocketsHttpHandler())) { Timeout = TimeSpan.FromSeconds(5) };
        var started = time.GetTimestamp();
        while (true)
        {
            IReadOnlyList<CellRow> cells = [];
            string? missing;
            try
            {
                (missing, cells) = await MissingAsync(runner, cancellationToken);
                missing ??= await PageAsync(http, page, cancellationToken);
            }
            catch (Exception e) when (ApiTrouble.Is(e, cancellationToken))
            {
                missing = $"the API server ({e.Message})";
            }

            if (missing is null)
            {
                return cells;
            }

            if (!string.Equals(missing, said, StringComparison.Ordinal))
            {
                said = missing;
                console.Step($"waiting for {missing}");
            }

            if (time.GetElapsedTime(started) > atMost)
            {
                throw new UpException(string.Create(CultureInfo.InvariantCulture, $"not ready after {atMost.TotalSeconds:0} s: still waiting for {missing}"));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(250), time, cancellationToken);
        }
    }

    /// <summary>The ChatCells of a cluster, by name.</summary>
    public async Task<IReadOnlyList<CellRow>> CellsAsync(CancellationToken cancellationToken) =>
        [.. (await client.Of(ChatCells).ListAsync(null, null, cancellationToken)).Items.Select(cell => Row(cell.Json)).OrderBy(row => row.Name, StringComparer.Ordinal)];

    private async Task<(string? Missing, IReadOnlyList<CellRow> Cells)> MissingAsync(Func<ProcessIdentity?> runner, CancellationToken cancellationToken)
    {
        var node = await client.Of<V1Node>().TryGetAsync(null, PodRunner.Spec.KubeletNames.NodeName, cancellationToken);
        if (runner() is not { } process || node?.Metadata.Annotation(NodeStatus.RunnerAnnotation) != NodeStatus.Mark(process))
        {
            return ("the pod runner", []);
        }

        var cells = await CellsAsync(cancellationToken);
        var unready = cells.Where(cell => !string.Equals(cell.Ready, "True", StringComparison.Ordinal)).Select(cell => cell.Message.Length == 0 ? cell.Name : $"{cell.Name} ({cell.Message})").ToList();
        if (unready.Count > 0)
        {
            return ("cells " + string.Join(", ", unready), cells);
        }

        var pods = (await client.Of<V1Pod>().ListAsync(null, null, cancellationToken)).Items
            .Where(pod => pod.Metadata.DeletionTimestamp is null && pod.Status?.Phase is not ("Succeeded" or "Failed")
                && pod.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) != true)
            .Select(Describe).Order(StringComparer.Ordinal).ToList();
        if (pods.Count > 0)
        {
            return ("pods " + string.Join(", ", pods), cells);
        }

        var deployments = (await client.Of<V1Deployment>().ListAsync(null, null, cancellationToken)).Items
            .Where(deployment => (deployment.Status?.AvailableReplicas ?? 0) < (deployment.Spec?.Replicas ?? 1)).Select(deployment => deployment.Metadata.Name!).ToList();
        return (deployments.Count > 0 ? "deployments " + string.Join(", ", deployments) : null, cells);
    }

    private static string Describe(V1Pod pod)
    {
        var waiting = pod.Status?.ContainerStatuses?.Select(status => status.State?.Waiting).FirstOrDefault(state => state is { Reason: not "ContainerCreating" });
        return waiting switch
        {
            null => pod.Metadata.Name!,
            { Reason: "CrashLoopBackOff" } => $"{pod.Metadata.Name} (it crashes: kubectl logs -n {pod.Metadata.Namespace} {pod.Metadata.Name})",
            _ => $"{pod.Metadata.Name} ({waiting.Reason}: {waiting.Message})",
        };
    }

    private static async Task<string?> PageAsync(HttpClient http, Uri page, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.GetAsync(page, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            return (int)response.StatusCode < 500 ? null : string.Create(CultureInfo.InvariantCulture, $"{page} (it answers {(int)response.StatusCode})");
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return $"{page} to answer";
        }
    }

    private static CellRow Row(JsonObject cell)
    {
        var ready = cell["status"]?["conditions"]?.AsArray().FirstOrDefault(condition => condition?["type"]?.GetValue<string>() == "Ready");
        return new CellRow(
            cell["metadata"]?["namespace"]?.GetValue<string>() ?? "", cell["metadata"]?["name"]?.GetValue<string>() ?? "", cell["spec"]?["region"]?.GetValue<string>() ?? "",
            ready?["status"]?.GetValue<string>() ?? "Unknown", ready?["message"]?.GetValue<string>() ?? "", cell["spec"]?["gateways"]?["replicas"]?.ToString() ?? "1");
    }
}
