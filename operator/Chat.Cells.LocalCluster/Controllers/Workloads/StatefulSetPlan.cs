using System.Globalization;
using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.LocalCluster.Controllers.Workloads;

/// <summary>What to do next for a StatefulSet, and what to report. Several calls, each on what is then there, lead to the wanted state.</summary>
/// <param name="CreateClaims">Claims to create, before the pods.</param>
/// <param name="CreatePods">Pods to create.</param>
/// <param name="DeletePods">Pods to delete.</param>
/// <param name="DeleteClaims">Names of claims to delete.</param>
/// <param name="Status">The status as observed now.</param>
/// <param name="Refusal">What is asked for and not done here; nothing is done then.</param>
internal sealed record StatefulSetPlan(
    IReadOnlyList<V1PersistentVolumeClaim> CreateClaims, IReadOnlyList<V1Pod> CreatePods, IReadOnlyList<V1Pod> DeletePods, IReadOnlyList<string> DeleteClaims,
    V1StatefulSetStatus Status, string? Refusal)
{
    private const string RevisionLabel = "controller-revision-hash";

    /// <summary>Plans the next step. Pure.</summary>
    public static StatefulSetPlan Make(V1StatefulSet set, IReadOnlyList<V1Pod> allPods, IReadOnlyList<V1PersistentVolumeClaim> claims, DateTimeOffset now)
    {
        var spec = set.Spec ?? new V1StatefulSetSpec();
        var replicas = spec.Replicas ?? 1;
        var revision = $"{set.Metadata.Name}-{PodFacts.Hash(spec.Template)}";
        var pods = allPods.Where(pod => pod.IsControlledBy(set.Metadata.Uid!) && Ordinal(set, pod) is not null).ToDictionary(pod => Ordinal(set, pod)!.Value);
        var status = Observe(set, spec, replicas, revision, pods, now);
        if (spec.UpdateStrategy?.RollingUpdate?.Partition is > 0)
        {
            return new StatefulSetPlan([], [], [], [], status, "not supported here: updateStrategy.rollingUpdate.partition");
        }

        if (set.Metadata.DeletionTimestamp is not null)
        {
            return new StatefulSetPlan([], [], [], [], status, null);
        }

        var steps = new Steps(set, spec, replicas, revision, pods, claims);
        steps.Plan(now);
        return new StatefulSetPlan(steps.CreateClaims, steps.CreatePods, steps.DeletePods, steps.DeleteClaims, status, null);
    }

    /// <summary>The name of a claim made from a template.</summary>
    public static string ClaimName(string template, string set, int ordinal) => string.Create(CultureInfo.InvariantCulture, $"{template}-{set}-{ordinal}");

    private static int? Ordinal(V1StatefulSet set, V1Pod pod)
    {
        var prefix = set.Metadata.Name + "-";
        return pod.Metadata.Name!.StartsWith(prefix, StringComparison.Ordinal)
            && int.TryParse(pod.Metadata.Name.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) ? ordinal : null;
    }

    private static V1StatefulSetStatus Observe(V1StatefulSet set, V1StatefulSetSpec spec, int replicas, string revision, Dictionary<int, V1Pod> pods, DateTimeOffset now)
    {
        var live = pods.Values.Where(pod => !pod.IsTerminating() && !pod.IsOver()).ToList();
        var updated = live.Count(pod => pod.Metadata.Label(RevisionLabel) == revision);
        var ready = live.Count(pod => pod.IsReady());
        var current = set.Status?.CurrentRevision is { Length: > 0 } known ? known : revision;
        if (updated == replicas && live.Count == replicas && ready == replicas)
        {
            current = revision; // the rollout is complete
        }

        return new V1StatefulSetStatus
        {
            ObservedGeneration = set.Metadata.Generation,
            Replicas = pods.Count,
            ReadyReplicas = ready,
            AvailableReplicas = live.Count(pod => pod.IsAvailable(spec.MinReadySeconds ?? 0, now)),
            UpdatedReplicas = updated,
            CurrentReplicas = live.Count(pod => pod.Metadata.Label(RevisionLabel) == current),
            CurrentRevision = current,
            UpdateRevision = revision,
            CollisionCount = 0,
        };
    }

    private sealed class Steps(V1StatefulSet set, V1StatefulSetSpec spec, int replicas, string revision, Dictionary<int, V1Pod> pods, IReadOnlyList<V1PersistentVolumeClaim> claims)
    {
        private readonly bool ordered = !string.Equals(spec.PodManagementPolicy, "Parallel", StringComparison.Ordinal);

        public List<V1PersistentVolumeClaim> CreateClaims { get; } = [];

        public List<V1Pod> CreatePods { get; } = [];

        public List<V1Pod> DeletePods { get; } = [];

        public List<string> DeleteClaims { get; } = [];

        public void Plan(DateTimeOffset now)
        {
            if (!FillUp(now) && ordered)
            {
                return;
            }

            if (!ScaleDown() && ordered)
            {
                return;
            }

            RollOut(now);
            DropScaledClaims();
        }

        // False when a pod is not there and ready yet, which an ordered set waits for.
        private bool FillUp(DateTimeOffset now)
        {
            var complete = true;
            for (var ordinal = 0; ordinal < replicas; ordinal++)
            {
                var ready = Fill(ordinal, now);
                complete &= ready;
                if (!ready && ordered)
                {
                    return false;
                }
            }

            return complete;
        }

        private bool Fill(int ordinal, DateTimeOffset now)
        {
            if (!pods.TryGetValue(ordinal, out var pod))
            {
                Create(ordinal);
                return false;
            }

            if (pod.IsTerminating())
            {
                return false;
            }

            if (pod.IsOver())
            {
                DeletePods.Add(pod);
                return false;
            }

            return pod.IsAvailable(spec.MinReadySeconds ?? 0, now);
        }

        private bool ScaleDown()
        {
            var condemned = pods.Where(entry => entry.Key >= replicas).OrderByDescending(entry => entry.Key).ToList();
            foreach (var (_, pod) in condemned)
            {
                if (!pod.IsTerminating())
                {
                    DeletePods.Add(pod);
                }

                if (ordered)
                {
                    return false; // one at a time, from the top
                }
            }

            return condemned.Count == 0;
        }

        private void RollOut(DateTimeOffset now)
        {
            if (string.Equals(spec.UpdateStrategy?.Type, "OnDelete", StringComparison.Ordinal))
            {
                return;
            }

            for (var ordinal = replicas - 1; ordinal >= 0; ordinal--)
            {
                if (!pods.TryGetValue(ordinal, out var pod) || pod.IsTerminating() || DeletePods.Contains(pod))
                {
                    return; // one at a time
                }

                if (pod.Metadata.Label(RevisionLabel) != revision)
                {
                    DeletePods.Add(pod);
                    return;
                }

                if (!pod.IsAvailable(spec.MinReadySeconds ?? 0, now))
                {
                    return;
                }
            }
        }

        private void DropScaledClaims()
        {
            if (!string.Equals(spec.PersistentVolumeClaimRetentionPolicy?.WhenScaled, "Delete", StringComparison.Ordinal))
            {
                return;
            }

            foreach (var template in spec.VolumeClaimTemplates ?? [])
            {
                var prefix = $"{template.Metadata.Name}-{set.Metadata.Name}-";
                foreach (var claim in claims)
                {
                    if (claim.Metadata.DeletionTimestamp is null && claim.Metadata.Name!.StartsWith(prefix, StringComparison.Ordinal)
                        && int.TryParse(claim.Metadata.Name.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal)
                        && ordinal >= replicas && !pods.ContainsKey(ordinal))
                    {
                        DeleteClaims.Add(claim.Metadata.Name);
                    }
                }
            }
        }

        private void Create(int ordinal)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{set.Metadata.Name}-{ordinal}");
            var volumes = new List<V1Volume>(spec.Template?.Spec?.Volumes ?? []);
            foreach (var template in spec.VolumeClaimTemplates ?? [])
            {
                var claim = ClaimName(template.Metadata.Name!, set.Metadata.Name!, ordinal);
                volumes.RemoveAll(volume => string.Equals(volume.Name, template.Metadata.Name, StringComparison.Ordinal));
                volumes.Add(new V1Volume { Name = template.Metadata.Name!, PersistentVolumeClaim = new V1PersistentVolumeClaimVolumeSource { ClaimName = claim } });
                if (!claims.Any(existing => string.Equals(existing.Metadata.Name, claim, StringComparison.Ordinal)))
                {
                    CreateClaims.Add(Claim(template, claim));
                }
            }

            var pod = PodFacts.FromTemplate(spec.Template, set, name, new Dictionary<string, string>(StringComparer.Ordinal)
            {
                [RevisionLabel] = revision,
                ["statefulset.kubernetes.io/pod-name"] = name,
                ["apps.kubernetes.io/pod-index"] = ordinal.ToString(CultureInfo.InvariantCulture),
            });
            CreatePods.Add(pod with { Spec = pod.Spec! with { Hostname = name, Subdomain = spec.ServiceName, Volumes = volumes.Count == 0 ? null : volumes } });
        }

        private V1PersistentVolumeClaim Claim(V1PersistentVolumeClaim template, string name)
        {
            var labels = new Dictionary<string, string>(template.Metadata.Labels ?? new Dictionary<string, string>(), StringComparer.Ordinal);
            foreach (var (key, value) in spec.Selector?.MatchLabels ?? new Dictionary<string, string>())
            {
                labels[key] = value;
            }

            var deleteWithSet = string.Equals(spec.PersistentVolumeClaimRetentionPolicy?.WhenDeleted, "Delete", StringComparison.Ordinal);
            return template with
            {
                ApiVersion = "v1",
                Kind = "PersistentVolumeClaim",
                Metadata = new V1ObjectMeta
                {
                    Name = name,
                    Namespace = set.Metadata.Namespace,
                    Labels = labels,
                    Annotations = template.Metadata.Annotations,
                    OwnerReferences = deleteWithSet ? [PodFacts.OwnedBy(set)] : null,
                },
                Status = null,
            };
        }
    }
}
