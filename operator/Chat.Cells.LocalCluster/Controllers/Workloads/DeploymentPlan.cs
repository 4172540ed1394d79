using System.Globalization;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.LocalCluster.Controllers.Workloads;

/// <summary>What to do next for a Deployment, and what to report.</summary>
/// <param name="Create">The ReplicaSet of the newest template, when it is missing.</param>
/// <param name="Scale">New sizes of ReplicaSets.</param>
/// <param name="Delete">ReplicaSets too old to keep.</param>
internal sealed record DeploymentPlan(V1ReplicaSet? Create, IReadOnlyList<(V1ReplicaSet Set, int Replicas)> Scale, IReadOnlyList<V1ReplicaSet> Delete, V1DeploymentStatus Status)
{
    private const string HashLabel = "pod-template-hash";
    private const string RevisionAnnotation = "deployment.kubernetes.io/revision";

    /// <summary>Plans the next step from the ReplicaSets of this Deployment. Pure.</summary>
    public static DeploymentPlan Make(V1Deployment deployment, IReadOnlyList<V1ReplicaSet> allSets, DateTimeOffset now)
    {
        var spec = deployment.Spec ?? new V1DeploymentSpec();
        var wanted = spec.Replicas ?? 1;
        var sets = allSets.Where(set => PodFacts.ControllerOf(set.Metadata)?.Uid == deployment.Metadata.Uid).ToList();
        var hash = PodFacts.Hash(spec.Template);
        var newest = sets.FirstOrDefault(set => set.Metadata.Label(HashLabel) == hash);
        var old = sets.Where(set => set != newest).ToList();
        var status = Observe(deployment, spec, wanted, newest, sets, now);
        if (deployment.Metadata.DeletionTimestamp is not null || spec.Paused == true)
        {
            return new DeploymentPlan(null, [], [], status);
        }

        var recreate = string.Equals(spec.Strategy?.Type, "Recreate", StringComparison.Ordinal);
        var scale = new List<(V1ReplicaSet, int)>();
        var oldPods = old.Sum(set => Math.Max(set.Status?.Replicas ?? 0, set.Spec?.Replicas ?? 0));
        var start = recreate ? (oldPods == 0 ? wanted : 0) : Math.Min(wanted, Math.Max(0, wanted + Surge(spec, wanted) - oldPods));
        if (recreate)
        {
            scale.AddRange(old.Where(set => set.Spec?.Replicas > 0).Select(set => (set, 0)));
        }
        else
        {
            ScaleOldDown(spec, wanted, newest, old, scale);
        }

        if (newest is null)
        {
            return new DeploymentPlan(NewSet(deployment, spec, hash, start, sets), scale, [], status);
        }

        var size = newest.Spec?.Replicas ?? 1;
        var target = size > wanted ? wanted : Math.Max(size, start);
        if (target != size)
        {
            scale.Add((newest, target));
        }

        var keep = spec.RevisionHistoryLimit ?? 10;
        var delete = old.Where(set => set.Spec?.Replicas == 0 && (set.Status?.Replicas ?? 0) == 0 && set.Metadata.DeletionTimestamp is null)
            .OrderByDescending(set => Revision(set)).Skip(keep).ToList();
        return new DeploymentPlan(null, scale, delete, status);
    }

    // Old pods go as new ones become available: first those that do not work anyway, then as many as the strategy lets be missing.
    private static void ScaleOldDown(V1DeploymentSpec spec, int wanted, V1ReplicaSet? newest, List<V1ReplicaSet> old, List<(V1ReplicaSet, int)> scale)
    {
        var available = old.Append(newest).Sum(set => set?.Status?.AvailableReplicas ?? 0);
        var missing = (newest?.Spec?.Replicas ?? 0) - (newest?.Status?.AvailableReplicas ?? 0);
        var total = old.Append(newest).Sum(set => set?.Spec?.Replicas ?? 0);
        var atLeast = wanted - Unavailable(spec, wanted);
        var mayGo = total - atLeast - missing;
        var availableMayGo = available - atLeast;
        foreach (var set in old.OrderBy(Revision))
        {
            var size = set.Spec?.Replicas ?? 0;
            if (size == 0 || newest is null)
            {
                continue;
            }

            var broken = Math.Max(0, size - (set.Status?.AvailableReplicas ?? 0));
            var go = Math.Min(broken, Math.Max(0, mayGo));
            var working = Math.Min(size - broken, Math.Max(0, Math.Min(availableMayGo, mayGo - go)));
            mayGo -= go + working;
            availableMayGo -= working;
            if (go + working > 0)
            {
                scale.Add((set, size - go - working));
            }
        }
    }

    private static V1ReplicaSet NewSet(V1Deployment deployment, V1DeploymentSpec spec, string hash, int replicas, List<V1ReplicaSet> sets)
    {
        var labels = With(spec.Template?.Metadata.Labels, hash);
        var revision = (sets.Count == 0 ? 0 : sets.Max(Revision)) + 1;
        return new V1ReplicaSet
        {
            Metadata = new V1ObjectMeta
            {
                Name = $"{deployment.Metadata.Name}-{hash}",
                Namespace = deployment.Metadata.Namespace,
                Labels = labels,
                OwnerReferences = [PodFacts.OwnedBy(deployment)],
                Annotations = new Dictionary<string, string>(StringComparer.Ordinal) { [RevisionAnnotation] = revision.ToString(CultureInfo.InvariantCulture) },
            },
            Spec = new V1ReplicaSetSpec
            {
                Replicas = replicas,
                MinReadySeconds = spec.MinReadySeconds,
                Selector = (spec.Selector ?? new V1LabelSelector()) with { MatchLabels = With(spec.Selector?.MatchLabels, hash) },
                Template = (spec.Template ?? new V1PodTemplateSpec()) with { Metadata = (spec.Template?.Metadata ?? new V1ObjectMeta()) with { Labels = labels } },
            },
        };
    }

    private static Dictionary<string, string> With(IReadOnlyDictionary<string, string>? labels, string hash) =>
        new(labels ?? new Dictionary<string, string>(), StringComparer.Ordinal) { [HashLabel] = hash };

    private static long Revision(V1ReplicaSet set) =>
        long.TryParse(set.Metadata.Annotation(RevisionAnnotation), NumberStyles.None, CultureInfo.InvariantCulture, out var revision) ? revision : 0;

    private static int Surge(V1DeploymentSpec spec, int wanted)
    {
        var surge = Share(spec.Strategy?.RollingUpdate?.MaxSurge, wanted, up: true);
        return surge == 0 && Unavailable(spec, wanted) == 0 ? 1 : surge;
    }

    private static int Unavailable(V1DeploymentSpec spec, int wanted)
    {
        var unavailable = Share(spec.Strategy?.RollingUpdate?.MaxUnavailable, wanted, up: false);
        return unavailable == 0 && Share(spec.Strategy?.RollingUpdate?.MaxSurge, wanted, up: true) == 0 ? 1 : unavailable;
    }

    // A number, or a percentage of the replicas; Kubernetes' default is 25 %.
    private static int Share(IntOrString? value, int wanted, bool up)
    {
        var text = value?.ToString() is { Length: > 0 } given ? given : "25%";
        if (!text.EndsWith('%'))
        {
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
        }

        var share = int.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var percent) ? wanted * percent / 100.0 : 0;
        return (int)(up ? Math.Ceiling(share) : Math.Floor(share));
    }

    private static V1DeploymentStatus Observe(V1Deployment deployment, V1DeploymentSpec spec, int wanted, V1ReplicaSet? newest, List<V1ReplicaSet> sets, DateTimeOffset now)
    {
        var total = sets.Sum(set => set.Status?.Replicas ?? 0);
        var available = sets.Sum(set => set.Status?.AvailableReplicas ?? 0);
        var updated = newest?.Status?.Replicas ?? 0;
        var complete = updated >= wanted && total == updated && available >= wanted;
        var enough = available >= wanted - Unavailable(spec, wanted);
        var before = deployment.Status?.Conditions;
        var moved = deployment.Status is not { } last || last.UpdatedReplicas != updated || last.AvailableReplicas != available || last.Replicas != total;
        var progressing = before?.FirstOrDefault(condition => string.Equals(condition.Type, "Progressing", StringComparison.Ordinal));
        var since = moved || progressing?.LastUpdateTime is not { } time ? now : time;
        var late = !complete && spec.Paused != true && now - since > TimeSpan.FromSeconds(spec.ProgressDeadlineSeconds ?? 600);
        return new V1DeploymentStatus
        {
            ObservedGeneration = deployment.Metadata.Generation,
            Replicas = total,
            UpdatedReplicas = updated,
            ReadyReplicas = sets.Sum(set => set.Status?.ReadyReplicas ?? 0),
            AvailableReplicas = available,
            UnavailableReplicas = Math.Max(0, wanted - available),
            Conditions =
            [
                Condition(before, "Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                    enough ? "Deployment has minimum availability." : "Deployment does not have minimum availability.", now, null),
                Condition(before, "Progressing", !late,
                    late ? "ProgressDeadlineExceeded" : complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
                    late ? "ReplicaSet has timed out progressing." : complete ? "ReplicaSet has successfully progressed." : "ReplicaSet is progressing.", now, since),
            ],
        };
    }

    private static V1DeploymentCondition Condition(IReadOnlyList<V1DeploymentCondition>? before, string type, bool holds, string reason, string message, DateTimeOffset now, DateTimeOffset? updated)
    {
        var last = before?.FirstOrDefault(condition => string.Equals(condition.Type, type, StringComparison.Ordinal));
        var status = holds ? "True" : "False";
        var same = last is not null && string.Equals(last.Status, status, StringComparison.Ordinal);
        return new V1DeploymentCondition
        {
            Type = type,
            Status = status,
            Reason = reason,
            Message = message,
            LastTransitionTime = same ? last!.LastTransitionTime : now,
            LastUpdateTime = updated ?? (same ? last!.LastUpdateTime : now),
        };
    }
}
