using System.Security.Cryptography;

namespace Chat.Cells.LocalCluster.ApiServer.Objects;

/// <summary>Creates and changes objects. Every write is one transaction, so that checks and allocations see the state they change.</summary>
public sealed class ObjectWriter(ObjectStore store, LocalApiServerOptions options)
{
    private const string SuffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>Creates an object.</summary>
    /// <exception cref="ApiException">It is invalid, there already, or its namespace is not.</exception>
    public Task<WriteResult> CreateAsync(Target target, JsonObject body, WriteOptions write, CancellationToken cancellationToken) =>
        store.WriteAsync(t => Dry(t, write, Create(t, target, body, write, managed: null)), cancellationToken);

    /// <summary>Replaces an object, or one of its subresources.</summary>
    public Task<WriteResult> UpdateAsync(Target target, JsonObject body, WriteOptions write, CancellationToken cancellationToken) =>
        store.WriteAsync(
            t =>
            {
                var current = t.Get(target.Key);
                if (current is null)
                {
                    throw target.NotFound();
                }

                if (string.IsNullOrEmpty(body.Text("metadata", "resourceVersion")) && (target.Kind.IsCustom || target.Kind.Kind is "Lease" or "CustomResourceDefinition"))
                {
                    var violations = new Violations();
                    violations.Add("FieldValueInvalid", "metadata.resourceVersion", "Invalid value: 0x0: must be specified for an update");
                    violations.ThrowIfAny(target.Kind.Group, target.Kind.Kind, target.Name);
                }

                return Dry(t, write, Update(t, target, current, body, write, applied: false));
            },
            cancellationToken);

    /// <summary>Changes an object by a function of its current state.</summary>
    /// <param name="target">The object.</param>
    /// <param name="change">Makes the new state from the current one.</param>
    /// <param name="write">Options.</param>
    /// <param name="cancellationToken">Ends the wait for the turn.</param>
    public Task<WriteResult> PatchAsync(Target target, Func<JsonObject, JsonObject> change, WriteOptions write, CancellationToken cancellationToken) =>
        store.WriteAsync(
            t =>
            {
                var current = t.Get(target.Key) ?? throw target.NotFound();
                return Dry(t, write, Update(t, target, current, change(In(current.Parse(), target)), write, applied: false));
            },
            cancellationToken);

    /// <summary>Server-side apply: creates the object when it is missing.</summary>
    public Task<WriteResult> ApplyAsync(Target target, JsonObject body, WriteOptions write, CancellationToken cancellationToken) =>
        store.WriteAsync(t => Dry(t, write, Apply(t, target, body, write)), cancellationToken);

    /// <summary>
    /// Shows a stored object in the version of a request. A CRD may have changed since the object was written: what the schema of today does not know is left out, and
    /// its defaults are filled in.
    /// </summary>
    internal static JsonObject In(JsonObject value, Target target)
    {
        value["apiVersion"] = target.ApiVersion;
        if (target.Kind.IsCustom)
        {
            SchemaShaping.Prune(value, target.Version.Schema);
            SchemaShaping.Default(value, target.Version.Schema);
        }

        return value;
    }

    /// <summary>Whether the stored bytes can be sent as they are.</summary>
    internal static bool IsShownAsStored(StoredObject stored, Target target) => !target.Kind.IsCustom && stored.ApiVersion == target.ApiVersion;

    private static WriteResult Dry(StoreTransaction transaction, WriteOptions write, WriteResult result)
    {
        transaction.IsDryRun = write.DryRun;
        if (write.DryRun && result.Created)
        {
            result.Object.Child("metadata").Remove("resourceVersion"); // What was never written has no version.
        }

        return result;
    }

    private WriteResult Apply(StoreTransaction transaction, Target target, JsonObject body, WriteOptions write)
    {
        if (body.At("metadata", "managedFields") is JsonArray { Count: > 0 })
        {
            throw ApiException.BadRequest("metadata.managedFields must be nil");
        }

        if (!target.Kind.IsCustom)
        {
            ObjectShaping.DropNulls(body);
        }

        if (TypedFields.Problem(body, target.Version.Whole) is { } problem)
        {
            var place = target.Namespace.Length > 0 ? $"{target.Namespace}/{target.Name}" : $"/{target.Name}";
            throw ApiException.BadRequest($"failed to create typed patch object ({place}; {target.ApiVersion}, Kind={target.Kind.Kind}): {problem}");
        }

        var writer = Writer(target, write);
        var current = transaction.Get(target.Key);
        if (current is null)
        {
            if (target.Subresource.Length > 0)
            {
                throw target.NotFound();
            }

            if (!string.IsNullOrEmpty(body.Text("metadata", "uid")))
            {
                throw ApiException.Conflict(target.Kind.Group, target.Kind.Plural, target.Name, $"uid mismatch: the provided object specified uid {body.Text("metadata", "uid")}, and no existing object was found");
            }

            var made = ManagedFields.Apply(new JsonObject { ["metadata"] = new JsonObject() }, body, target.Version, writer, force: true);
            return Create(transaction, target, made, write, managed: made.At("metadata", "managedFields")?.DeepClone());
        }

        var live = In(current.Parse(), target);
        var merged = ManagedFields.Apply(live, body, target.Version, writer, write.Force);
        return Update(transaction, target, current, merged, write, applied: true);
    }

    private WriteResult Create(StoreTransaction transaction, Target target, JsonObject body, WriteOptions write, JsonNode? managed)
    {
        var kind = target.Kind;
        var now = options.Time.GetUtcNow();
        var metadata = body.Child("metadata");
        if (!string.IsNullOrEmpty(metadata.Text("resourceVersion")))
        {
            throw ApiException.BadRequest("resourceVersion should not be set on objects to be created");
        }

        ObjectShaping.CheckPlace(body, target);
        CheckNamespace(transaction, target, metadata);
        if (kind.IsTerminating)
        {
            throw ApiException.Forbidden(kind.Group, kind.Plural, metadata.Text("name") ?? "", "create not allowed while custom resource definition is terminating");
        }

        foreach (var name in (string[])["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation", "managedFields"])
        {
            metadata.Remove(name);
        }

        if (kind.IsCustom && target.Version.HasStatus)
        {
            body.Remove("status");
        }

        ObjectShaping.Shape(body, target, write);
        metadata = body.Child("metadata");
        if (string.IsNullOrEmpty(metadata.Text("name")) && metadata.Text("generateName") is { Length: > 0 } prefix)
        {
            metadata["name"] = prefix[..Math.Min(prefix.Length, 58)] + RandomNumberGenerator.GetString(SuffixAlphabet, 5);
        }

        metadata["uid"] = Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = Timestamps.Seconds(now);
        if (kind.HasGeneration)
        {
            metadata["generation"] = 1;
        }

        var context = new WriteContext(transaction, kind, options, now);
        kind.Rules.PrepareCreate(body, context);
        ObjectShaping.Validate(body, null, target);
        write.Warnings.AddRange(kind.Rules.Warnings(body));
        var key = kind.Key(target.Namespace, metadata.Text("name")!);
        if (transaction.Get(key) is not null)
        {
            throw ApiException.AlreadyExists(kind.Group, kind.Plural, key.Name);
        }

        if (managed is null)
        {
            ManagedFields.RecordUpdate(null, body, target.Version, Writer(target, write));
        }
        else
        {
            metadata["managedFields"] = managed;
        }

        var stored = transaction.Put(key, InStorage(body, kind));
        kind.Rules.Written(body, null, context);
        return new WriteResult(In(stored.Parse(), target), Created: true);
    }

    private WriteResult Update(StoreTransaction transaction, Target target, StoredObject current, JsonObject body, WriteOptions write, bool applied)
    {
        var kind = target.Kind;
        var old = In(current.Parse(), target);
        CheckIdentity(body, current, target);
        var value = Combine(body, old, target);
        ObjectShaping.CheckHeader(value, target);
        ObjectShaping.CheckPlace(value, target);
        ObjectShaping.Shape(value, target, write);
        KeepFixed(value.Child("metadata"), old.Child("metadata"));
        var context = new WriteContext(transaction, kind, options, options.Time.GetUtcNow());
        if (target.Subresource != "status")
        {
            kind.Rules.PrepareUpdate(value, old, context);
        }

        if (kind.HasGeneration && SpecChanged(value, old, target))
        {
            value.Child("metadata")["generation"] = (old.Number("metadata", "generation") ?? 0) + 1;
        }

        ObjectShaping.Validate(value, old, target);
        if (target.Subresource.Length == 0)
        {
            write.Warnings.AddRange(kind.Rules.Warnings(value));
        }

        if (!applied)
        {
            ManagedFields.RecordUpdate(old, value, target.Version, Writer(target, write));
        }

        if (IsSame(value, old))
        {
            return new WriteResult(In(old, target), Created: false);
        }

        if (current.IsDeleting && IsFree(value, kind))
        {
            // The last finalizer is gone: this write is the end of the object.
            transaction.Put(target.Key, InStorage(value, kind));
            var last = transaction.Delete(target.Key);
            return new WriteResult(In(last.Parse(), target), Created: false);
        }

        var stored = transaction.Put(target.Key, InStorage(value, kind));
        kind.Rules.Written(value, old, context);
        return new WriteResult(In(stored.Parse(), target), Created: false);
    }

    /// <summary>Whether nothing holds a deleted object any more.</summary>
    internal static bool IsFree(JsonObject value, ResourceKind kind) =>
        !value.At("metadata").Texts("finalizers").Any()
        && (kind.Resource != "namespaces" || !value.At("spec").Texts("finalizers").Any())
        && (value.Number("metadata", "deletionGracePeriodSeconds") ?? 0) == 0;

    private static JsonObject InStorage(JsonObject value, ResourceKind kind)
    {
        var copy = (JsonObject)value.DeepClone();
        copy["apiVersion"] = kind.ApiVersion(kind.StorageVersion);
        return copy;
    }

    private FieldWriter Writer(Target target, WriteOptions write) => new(write.Manager, target.ApiVersion, target.Subresource, options.Time.GetUtcNow());

    private static void CheckNamespace(StoreTransaction transaction, Target target, JsonObject metadata)
    {
        if (!target.Kind.Namespaced)
        {
            return;
        }

        var ns = transaction.Get(new ObjectKey("namespaces", "", target.Namespace)) ?? throw ApiException.NotFound("", "namespaces", target.Namespace);
        if (ns.IsDeleting)
        {
            throw ApiException.Forbidden(
                target.Kind.Group,
                target.Kind.Plural,
                metadata.Text("name") ?? "",
                $"unable to create new content in namespace {target.Namespace} because it is being terminated");
        }
    }

    private static void CheckIdentity(JsonObject body, StoredObject current, Target target)
    {
        var version = body.Text("metadata", "resourceVersion");
        if (!string.IsNullOrEmpty(version))
        {
            if (!long.TryParse(version, out var number))
            {
                throw ApiException.BadRequest($"metadata.resourceVersion: Invalid value: \"{version}\": must be a number");
            }

            if (number != current.ResourceVersion)
            {
                throw ApiException.Modified(target.Kind.Group, target.Kind.Plural, target.Name);
            }
        }

        var uid = body.Text("metadata", "uid");
        if (!string.IsNullOrEmpty(uid) && uid != current.Uid)
        {
            throw ApiException.Conflict(
                target.Kind.Group, target.Kind.Plural, target.Name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {current.Uid}");
        }
    }

    // A subresource changes only its part, the main resource everything else.
    private static JsonObject Combine(JsonObject body, JsonObject old, Target target)
    {
        if (target.Subresource == "status")
        {
            var result = (JsonObject)old.DeepClone();
            if (body["status"] is { } status)
            {
                result["status"] = status.DeepClone();
            }
            else
            {
                result.Remove("status");
            }

            if (body.At("metadata", "managedFields") is { } managed)
            {
                result.Child("metadata")["managedFields"] = managed.DeepClone();
            }

            return result;
        }

        var whole = (JsonObject)body.DeepClone();
        if (target.Version.HasStatus)
        {
            if (old["status"] is { } status)
            {
                whole["status"] = status.DeepClone();
            }
            else
            {
                whole.Remove("status");
            }
        }

        return whole;
    }

    private static void KeepFixed(JsonObject metadata, JsonObject old)
    {
        foreach (var name in (string[])["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion", "generateName"])
        {
            if (old[name] is { } value)
            {
                metadata[name] = value.DeepClone();
            }
            else
            {
                metadata.Remove(name);
            }
        }

        metadata.Remove("selfLink");
        if (metadata["managedFields"] is not JsonArray { Count: > 0 } && old["managedFields"] is { } managed)
        {
            metadata["managedFields"] = managed.DeepClone();
        }
    }

    private static bool SpecChanged(JsonObject value, JsonObject old, Target target)
    {
        bool Counts(string name) => name is not ("metadata" or "apiVersion" or "kind") && (name != "status" || !target.Version.HasStatus);
        return value.Select(p => p.Key).Union(old.Select(p => p.Key), StringComparer.Ordinal).Any(name => Counts(name) && !JsonNodes.Same(value[name], old[name]));
    }

    private static bool IsSame(JsonObject value, JsonObject old)
    {
        if (!ManagedFields.SameExceptTimes(value, old))
        {
            return false;
        }

        var a = (JsonObject)value.DeepClone();
        var b = (JsonObject)old.DeepClone();
        a.Child("metadata").Remove("managedFields");
        b.Child("metadata").Remove("managedFields");
        return JsonNodes.Same(a, b);
    }
}
