namespace Chat.Cells.LocalCluster.ApiServer.Objects;

/// <summary>The body of a DELETE.</summary>
public sealed record DeleteOptions
{
    /// <summary>Background, Foreground, Orphan, or empty for the default.</summary>
    public string Propagation { get; init; } = "";

    /// <summary>Seconds a pod gets to end; null for what it asks for itself.</summary>
    public long? GracePeriodSeconds { get; init; }

    /// <summary>The uid that the object must have.</summary>
    public string? Uid { get; init; }

    /// <summary>The version that the object must have.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>Do everything but keep nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>Reads a DeleteOptions body and the query parameters that may stand for it.</summary>
    public static DeleteOptions Read(JsonObject? body, IQueryCollection query)
    {
        var propagation = body.Text("propagationPolicy") ?? (string?)query["propagationPolicy"] ?? "";
        if (body.Flag("orphanDependents") is { } orphan)
        {
            propagation = orphan ? "Orphan" : "Background";
        }

        if (propagation is not ("" or "Background" or "Foreground" or "Orphan"))
        {
            var violations = new Violations();
            violations.NotSupported("propagationPolicy", propagation, ["Background", "Foreground", "Orphan"]);
            violations.ThrowIfAny("meta.k8s.io", "DeleteOptions", "");
        }

        var grace = body.Number("gracePeriodSeconds") ?? (long.TryParse(query["gracePeriodSeconds"], out var seconds) ? seconds : null);
        if (grace < 0)
        {
            throw ApiException.BadRequest("gracePeriodSeconds: Invalid value: must be greater than or equal to 0");
        }

        return new DeleteOptions
        {
            Propagation = propagation,
            GracePeriodSeconds = grace,
            Uid = body.Text("preconditions", "uid"),
            ResourceVersion = body.Text("preconditions", "resourceVersion"),
            DryRun = body.Texts("dryRun").Contains("All", StringComparer.Ordinal) || query["dryRun"].Contains("All", StringComparer.Ordinal),
        };
    }
}

/// <summary>Deletes objects: finalizers, grace for pods, propagation to dependents (which the garbage collector carries out).</summary>
public sealed class ObjectDeleter(ObjectStore store, LocalApiServerOptions options)
{
    internal const string Foreground = "foregroundDeletion";
    internal const string Orphan = "orphan";

    /// <summary>Deletes an object, or begins to.</summary>
    /// <returns>The object, and whether it is gone.</returns>
    public Task<(JsonObject Object, bool Gone)> DeleteAsync(Target target, DeleteOptions delete, CancellationToken cancellationToken) =>
        store.WriteAsync(
            t =>
            {
                var result = Delete(t, target, delete);
                t.IsDryRun = delete.DryRun;
                return result;
            },
            cancellationToken);

    private (JsonObject Object, bool Gone) Delete(StoreTransaction transaction, Target target, DeleteOptions delete)
    {
        var kind = target.Kind;
        var current = transaction.Get(target.Key) ?? throw target.NotFound();
        Check(target, delete, current);
        if (kind.Resource == "namespaces" && (target.Name is "default" or "kube-system"))
        {
            throw ApiException.Forbidden("", "namespaces", target.Name, "this namespace may not be deleted");
        }

        var value = current.Parse();
        var metadata = value.Child("metadata");
        SetPropagation(metadata, kind, delete);
        var grace = Grace(value, kind, delete);
        var now = options.Time.GetUtcNow();
        if (!current.IsDeleting)
        {
            metadata["deletionTimestamp"] = Timestamps.Seconds(now.AddSeconds(grace));
            metadata["deletionGracePeriodSeconds"] = grace;
            if (kind.HasGeneration)
            {
                metadata["generation"] = (metadata.Number("generation") ?? 0) + 1;
            }
        }
        else if (grace < (metadata.Number("deletionGracePeriodSeconds") ?? 0))
        {
            // A second deletion may shorten the grace period, never lengthen it.
            metadata["deletionTimestamp"] = Timestamps.Seconds(now.AddSeconds(grace));
            metadata["deletionGracePeriodSeconds"] = grace;
        }

        if (kind.Resource == "namespaces")
        {
            value.Child("status")["phase"] = "Terminating";
        }

        if (ObjectWriter.IsFree(value, kind))
        {
            var last = transaction.Delete(target.Key);
            return (ObjectWriter.In(last.Parse(), target), true);
        }

        if (JsonNodes.Same(value, current.Parse()))
        {
            return (ObjectWriter.In(value, target), false);
        }

        var stored = transaction.Put(target.Key, value);
        return (ObjectWriter.In(stored.Parse(), target), false);
    }

    private static void Check(Target target, DeleteOptions delete, StoredObject current)
    {
        if (!string.IsNullOrEmpty(delete.Uid) && delete.Uid != current.Uid)
        {
            throw ApiException.Conflict(
                target.Kind.Group, target.Kind.Plural, target.Name, $"Precondition failed: UID in precondition: {delete.Uid}, UID in object meta: {current.Uid}");
        }

        if (!string.IsNullOrEmpty(delete.ResourceVersion) && delete.ResourceVersion != current.ResourceVersion.ToString())
        {
            throw ApiException.Conflict(
                target.Kind.Group,
                target.Kind.Plural,
                target.Name,
                $"Precondition failed: ResourceVersion in precondition: {delete.ResourceVersion}, ResourceVersion in object meta: {current.ResourceVersion}");
        }
    }

    private static void SetPropagation(JsonObject metadata, ResourceKind kind, DeleteOptions delete)
    {
        if (delete.Propagation.Length == 0 || kind.Resource == "namespaces")
        {
            return;
        }

        var finalizers = metadata.Texts("finalizers").Where(f => f is not (Foreground or Orphan)).ToList();
        if (delete.Propagation == "Foreground")
        {
            finalizers.Add(Foreground);
        }
        else if (delete.Propagation == "Orphan")
        {
            finalizers.Add(Orphan);
        }

        if (finalizers.Count == 0)
        {
            metadata.Remove("finalizers");
        }
        else
        {
            metadata["finalizers"] = new JsonArray([.. finalizers.Select(f => (JsonNode)f)]);
        }
    }

    private static long Grace(JsonObject value, ResourceKind kind, DeleteOptions delete)
    {
        if (kind.Resource != "pods")
        {
            return 0;
        }

        // A pod that never reached a node, or has ended, has nothing to stop.
        var isIdle = string.IsNullOrEmpty(value.Text("spec", "nodeName")) || value.Text("status", "phase") is "Succeeded" or "Failed";
        return isIdle ? 0 : delete.GracePeriodSeconds ?? value.Number("spec", "terminationGracePeriodSeconds") ?? 30;
    }
}
