using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Events;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Plan;

namespace Chat.Cells.Operator.Report;

/// <summary>Writes a cell's status when it differs from the stored one, and an Event for each transition of a condition that people care about.</summary>
public sealed class StatusReporter(KubernetesClient client, EventRecorder events)
{
    /// <summary>Reports; true when it wrote.</summary>
    /// <exception cref="KubernetesException">A conflict: the cell has changed since it was seen.</exception>
    public async Task<bool> ReportAsync(ChatCell cell, ChatCellStatus status, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(cell);
        var next = KubernetesJson.ToNode(status);
        var before = cell.Status is null ? null : KubernetesJson.ToNode(cell.Status);
        if (JsonNode.DeepEquals(next, before))
        {
            return false;
        }
        var patch = new JsonObject
        {
            ["apiVersion"] = cell.ApiVersion,
            ["kind"] = cell.Kind,
            ["metadata"] = new JsonObject
            {
                ["name"] = cell.Metadata.Name,
                ["namespace"] = cell.Metadata.Namespace,
                // At the version that was seen: a status made from an older one must not overwrite a newer one.
                ["resourceVersion"] = cell.Metadata.ResourceVersion,
            },
            ["status"] = next,
        };
        await client.Of(ResourceType.Of<ChatCell>()).ApplyAsync(new Unstructured(patch), Naming.FieldManager, cancellationToken, subresource: "status");
        foreach (var (condition, isWarning) in Transitions(cell.Status?.Conditions, status.Conditions ?? []))
        {
            var message = condition.Message;
            await (isWarning ? events.WarningAsync(cell, condition.Reason, message, cancellationToken) : events.NormalAsync(cell, condition.Reason, message, cancellationToken));
        }
        return true;
    }

    /// <summary>The conditions that have come to say something new, and whether it is bad news.</summary>
    internal static IEnumerable<(ConditionStatus Condition, bool IsWarning)> Transitions(IReadOnlyList<ConditionStatus>? before, IReadOnlyList<ConditionStatus> after)
    {
        foreach (var condition in after)
        {
            var previous = before?.FirstOrDefault(c => c.Type == condition.Type);
            if (previous?.Status == condition.Status && previous.Reason == condition.Reason)
            {
                continue;
            }
            switch (condition)
            {
                case { Type: ConditionTypes.Ready, Status: "True" }:
                    yield return (condition, false);
                    break;
                case { Type: ConditionTypes.Ready, Status: "False" } when previous?.Status == "True" && condition.Reason != "Deleting":
                    yield return (condition, true);
                    break;
                case { Type: ConditionTypes.Reconciling, Status: "True" }:
                    yield return (condition, false);
                    break;
                case { Type: ConditionTypes.Stalled, Status: "True" }:
                    yield return (condition, true);
                    break;
                case { Type: ConditionTypes.BridgesReady } when previous is not null && previous.Status != condition.Status:
                    yield return (condition with { Reason = condition.Status == "True" ? "BridgesReady" : "BridgesNotReady" }, condition.Status != "True");
                    break;
                case { Type: ConditionTypes.KafkaReady or ConditionTypes.CassandraReady or ConditionTypes.RedisReady }
                    when previous is not null && condition.Reason != "Embedded" && condition.Status != "Unknown" && (condition.Status == "True" || previous.Reason != condition.Reason):
                    yield return (condition with { Reason = condition.Type[..^"Ready".Length] + condition.Reason }, condition.Status != "True");
                    break;
                case { Type: ConditionTypes.UsersRemain }:
                    yield return (condition with { Reason = condition.Status == "True" ? "DeletionRefused" : condition.Reason }, condition.Status == "True");
                    break;
            }
        }
    }
}
