using System.Collections;
using System.Reflection;
using MedPeft.Lora.Injection.NativeLayers;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace MedPeft.Lora.Injection;

/// <summary>Somewhere that holds a reference to a module and can be given another one.</summary>
internal abstract class Slot
{
    /// <summary>What it may hold at all.</summary>
    public abstract Type DeclaredType { get; }

    /// <summary>What it holds.</summary>
    public abstract object? Value { get; set; }

    /// <summary>Where it is, for messages: <c>Net.fc</c>.</summary>
    public required string Name { get; init; }

    /// <summary>A name in a module's registry.</summary>
    public sealed class OfRegistry(OrderedDict<string, nn.Module> registry, string key) : Slot
    {
        public override Type DeclaredType => typeof(nn.Module);
        public override object? Value { get => registry[key]; set => registry[key] = (nn.Module)value!; }
    }

    /// <summary>The place of a projection of a layer in native code.</summary>
    public sealed class OfPart(NativePart part) : Slot
    {
        public override Type DeclaredType => typeof(nn.Module<Tensor, Tensor>);
        public override object? Value { get => part.Placed; set => part.Placed = (nn.Module<Tensor, Tensor>)value!; }
    }

    /// <summary>A field of an object; readonly and private ones too.</summary>
    public sealed class OfField(object owner, FieldInfo info) : Slot
    {
        public override Type DeclaredType => info.FieldType;
        public override object? Value { get => info.GetValue(owner); set => info.SetValue(owner, value); }
    }

    /// <summary>A field of a struct or tuple that itself lies in a slot.</summary>
    public sealed class OfStruct(Slot holder, FieldInfo info) : Slot
    {
        public override Type DeclaredType => info.FieldType;

        public override object? Value
        {
            get => info.GetValue(holder.Value);
            set
            {
                var copy = holder.Value!;
                info.SetValue(copy, value);
                holder.Value = copy;
            }
        }
    }

    /// <summary>An element of an array of any rank.</summary>
    public sealed class OfArray(Array array, int[] index) : Slot
    {
        public override Type DeclaredType => array.GetType().GetElementType()!;
        public override object? Value { get => array.GetValue(index); set => array.SetValue(value, index); }
    }

    /// <summary>An element of a list.</summary>
    public sealed class OfList(IList list, int index, Type type) : Slot
    {
        public override Type DeclaredType => type;
        public override object? Value { get => list[index]; set => list[index] = value; }
    }

    /// <summary>A value of a dictionary.</summary>
    public sealed class OfDictionary(IDictionary dictionary, object key, Type type) : Slot
    {
        public override Type DeclaredType => type;
        public override object? Value { get => dictionary[key]; set => dictionary[key] = value; }
    }
}
