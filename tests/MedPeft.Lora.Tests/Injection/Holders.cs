using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MedPeft.Lora.Tests.Injection;

/// <summary>One module for each way to hold a linear layer. All take [*, 4], give [*, 4] and call the layers to adapt first, second, ...</summary>
internal static class Holders
{
    public static readonly IReadOnlyDictionary<string, Func<Module<Tensor, Tensor>>> All = new Dictionary<string, Func<Module<Tensor, Tensor>>>
    {
        ["field"] = () => new ModuleField(),
        ["field of interface type"] = () => new InterfaceField(),
        ["field of type object"] = () => new ObjectField(),
        ["field of sealed type"] = () => new SealedField(),
        ["readonly field"] = () => new ReadonlyField(),
        ["field of a base class"] = () => new DerivedFromField(),
        ["renamed field"] = () => new RenamedField(),
        ["property"] = () => new Property(),
        ["property of sealed type"] = () => new SealedProperty(),
        ["array"] = () => new ArrayField(),
        ["array of sealed type"] = () => new SealedArray(),
        ["array of arrays"] = () => new JaggedArray(),
        ["array of two dimensions"] = () => new PlaneArray(),
        ["list"] = () => new ListField(),
        ["list of sealed type"] = () => new SealedList(),
        ["dictionary"] = () => new DictionaryField(),
        ["tuple"] = () => new TupleField(),
        ["Sequential"] = () => new Holder(Sequential(("first", Layer()), ("act", ReLU()), ("second", Layer()))),
        ["Sequential without names"] = () => new Holder(Sequential(Layer(), ReLU(), Layer())),
        ["root is a Sequential"] = () => Sequential(("first", Layer()), ("act", ReLU()), ("second", Layer())),
        ["ModuleList"] = () => new ListOfModules(),
        ["ModuleList of sealed type"] = () => new ListOfLinears(),
        ["ModuleDict"] = () => new DictOfModules(),
        ["ModuleDict of sealed type"] = () => new DictOfLinears(),
        ["nested"] = () => new Nested(),
        ["one layer in two slots"] = () => new Tied(),
        ["one layer in an open and a sealed slot"] = () => new TiedAcross(),
        ["closure"] = () => new Closure(),
        ["owner that calls forward"] = () => new ForwardCaller(),
        ["nested owners that call forward"] = () => new Holder(new ForwardCaller(), byForward: true),
        ["without bias"] = () => new WithoutBias(),
    };

    /// <summary>Layers to adapt in any of them: all that are linear.</summary>
    public static LoraConfig ConfigFor(Module model, int rank = 2) => new()
    {
        Rank = rank,
        Alpha = 6,
        Targets = [.. model.named_modules().Where(entry => entry.module is Linear).Select(entry => entry.name)],
    };

    public static Linear Layer(bool bias = true) => Linear(4, 4, bias);

    private static Tensor Both(Tensor x, Func<Tensor, Tensor> first, Func<Tensor, Tensor> second)
    {
        using var scope = NewDisposeScope();
        return second(first(x).relu()).MoveToOuterDisposeScope();
    }

    public class ModuleField : Module<Tensor, Tensor>
    {
        private Module<Tensor, Tensor> first = Layer(), second = Layer();
        public ModuleField() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, first.call, second.call);
    }

    public sealed class InterfaceField : Module<Tensor, Tensor>
    {
        private IModule<Tensor, Tensor> first = Layer(), second = Layer();
        public InterfaceField() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, first.call, second.call);
    }

    public sealed class ObjectField : Module<Tensor, Tensor>
    {
        private object first = Layer();
        private Module second = Layer();
        public ObjectField() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, ((Module<Tensor, Tensor>)first).call, ((Module<Tensor, Tensor>)second).call);
    }

    public sealed class SealedField : Module<Tensor, Tensor>
    {
        private Linear first = Layer(), second = Layer();
        public SealedField() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, first.call, second.call);
    }

    public sealed class ReadonlyField : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> first = Layer(), second = Layer();
        public ReadonlyField() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, first.forward, second.forward);
    }

    public sealed class DerivedFromField : ModuleField
    {
        private readonly Module<Tensor, Tensor> third = Layer();
        public override Tensor forward(Tensor x) => third.call(base.forward(x));
    }

    public sealed class RenamedField : Module<Tensor, Tensor>
    {
        [ComponentName(Name = "fc")]
        private readonly Module<Tensor, Tensor> _first = Layer();
        public RenamedField() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => _first.call(x);
    }

    public sealed class Property : Module<Tensor, Tensor>
    {
        public Module<Tensor, Tensor> First { get; } = Layer();
        public Module<Tensor, Tensor> Second { get; private set; } = Layer();
        public Property() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, First.forward, Second.forward);
    }

    public sealed class SealedProperty : Module<Tensor, Tensor>
    {
        public Linear First { get; } = Layer();
        public SealedProperty() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => First.call(x);
    }

    public sealed class ArrayField : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor>[] layers = [Layer(), Layer()];

        public ArrayField() : base("Net")
        {
            for (var i = 0; i < layers.Length; i++) register_module($"layers{i}", layers[i]);
        }

        public override Tensor forward(Tensor x) => Both(x, layers[0].forward, layers[1].forward);
    }

    public sealed class SealedArray : Module<Tensor, Tensor>
    {
        private readonly Linear[] layers = [Layer(), Layer()];

        public SealedArray() : base("Net")
        {
            for (var i = 0; i < layers.Length; i++) register_module($"layers{i}", layers[i]);
        }

        public override Tensor forward(Tensor x) => Both(x, layers[0].call, layers[1].call);
    }

    public sealed class JaggedArray : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor>[][] layers = [[Layer()], [Layer()]];

        public JaggedArray() : base("Net")
        {
            for (var i = 0; i < layers.Length; i++) register_module($"layers{i}", layers[i][0]);
        }

        public override Tensor forward(Tensor x) => Both(x, layers[0][0].forward, layers[1][0].forward);
    }

    public sealed class PlaneArray : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor>[,] layers = { { Layer(), Layer() }, { Layer(), Layer() } };

        public PlaneArray() : base("Net")
        {
            for (var i = 0; i < 4; i++) register_module($"layers{i}", layers[i / 2, i % 2]);
        }

        public override Tensor forward(Tensor x) => Both(Both(x, layers[0, 0].forward, layers[0, 1].forward), layers[1, 0].forward, layers[1, 1].forward);
    }

    public sealed class ListField : Module<Tensor, Tensor>
    {
        private readonly List<Module<Tensor, Tensor>> layers = [Layer(), Layer()];

        public ListField() : base("Net")
        {
            for (var i = 0; i < layers.Count; i++) register_module($"layers{i}", layers[i]);
        }

        public override Tensor forward(Tensor x) => Both(x, layers[0].forward, layers[1].forward);
    }

    public sealed class SealedList : Module<Tensor, Tensor>
    {
        private readonly List<Linear> layers = [Layer(), Layer()];

        public SealedList() : base("Net")
        {
            for (var i = 0; i < layers.Count; i++) register_module($"layers{i}", layers[i]);
        }

        public override Tensor forward(Tensor x) => Both(x, layers[0].call, layers[1].call);
    }

    public sealed class DictionaryField : Module<Tensor, Tensor>
    {
        private readonly Dictionary<string, Module<Tensor, Tensor>> layers = new() { ["a"] = Layer(), ["b"] = Layer() };

        public DictionaryField() : base("Net")
        {
            foreach (var (name, layer) in layers) register_module(name, layer);
        }

        public override Tensor forward(Tensor x) => Both(x, layers["a"].forward, layers["b"].forward);
    }

    public sealed class TupleField : Module<Tensor, Tensor>
    {
        private readonly (Module<Tensor, Tensor> A, (int Number, Module<Tensor, Tensor> B) Inner) layers = (Layer(), (1, Layer()));

        public TupleField() : base("Net")
        {
            register_module("a", layers.A);
            register_module("b", layers.Inner.B);
        }

        public override Tensor forward(Tensor x) => Both(x, layers.A.forward, layers.Inner.B.forward);
    }

    public sealed class Holder : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> inner;
        private readonly bool byForward;
        public Holder(Module<Tensor, Tensor> inner, bool byForward = false) : base("Net")
        {
            (this.inner, this.byForward) = (inner, byForward);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => byForward ? inner.forward(x) : inner.call(x);
    }

    public sealed class ListOfModules : Module<Tensor, Tensor>
    {
        private readonly ModuleList<Module<Tensor, Tensor>> layers = new(Layer(), Layer());
        public ListOfModules() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, layers[0].forward, layers[1].forward);
    }

    public sealed class ListOfLinears : Module<Tensor, Tensor>
    {
        private readonly ModuleList<Linear> layers = new(Layer(), Layer());
        public ListOfLinears() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, layers[0].call, layers[1].call);
    }

    public sealed class DictOfModules : Module<Tensor, Tensor>
    {
        private readonly ModuleDict<Module<Tensor, Tensor>> layers = ModuleDict<Module<Tensor, Tensor>>(("a", Layer()), ("b", Layer()));
        public DictOfModules() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, layers["a"].forward, layers[1].Item2.forward);
    }

    public sealed class DictOfLinears : Module<Tensor, Tensor>
    {
        private readonly ModuleDict<Linear> layers = ModuleDict<Linear>(("a", Layer()), ("b", Layer()));
        public DictOfLinears() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, layers["a"].call, layers["b"].call);
    }

    public sealed class Nested : Module<Tensor, Tensor>
    {
        private readonly ModuleList<Module<Tensor, Tensor>> blocks = new(
            Sequential(("inner", new SealedField()), ("act", ReLU()), ("pair", Sequential(Layer(), Layer()))), new ModuleField(), new Holder(new DictOfModules()));

        private readonly LayerNorm norm = LayerNorm([4]);
        private readonly Linear head = Layer();
        public Nested() : base("Net") => RegisterComponents();

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            foreach (var block in blocks) x = block.call(x);
            return head.call(norm.call(x)).MoveToOuterDisposeScope();
        }
    }

    public sealed class Tied : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> first;
        private readonly Module<Tensor, Tensor> second;

        public Tied() : base("Net")
        {
            first = second = Layer();
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => Both(x, first.forward, second.forward);
    }

    public sealed class TiedAcross : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> open;
        private readonly Linear closed;

        public TiedAcross() : base("Net")
        {
            open = closed = Layer();
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => Both(x, open.forward, closed.call);
    }

    public sealed class Closure : Module<Tensor, Tensor>
    {
        private readonly Func<Tensor, Tensor> run;

        public Closure() : base("Net")
        {
            var (first, second) = (Layer(), Layer());
            register_module("first", first);
            register_module("second", second);
            run = x => Both(x, first.call, second.call);
        }

        public override Tensor forward(Tensor x) => run(x);
    }

    public sealed class ForwardCaller : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> first = Layer(), second = Layer();
        public ForwardCaller() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => Both(x, first.forward, second.forward);
    }

    public sealed class WithoutBias : Module<Tensor, Tensor>
    {
        private readonly Module<Tensor, Tensor> first = Layer(bias: false);
        public WithoutBias() : base("Net") => RegisterComponents();
        public override Tensor forward(Tensor x) => first.call(x);
    }
}
